#pragma once

// C++17, and usable in CUDA code: what one thread of the kernel does, so that tests run it on the CPU too.

#include <cstdint>

#include "bertft/device/counter_rng.h"
#include "model/dropout_cuda.h"

namespace bertft::model {

/// Arguments of dropout_add() over packed rows of 4 * `quads_per_row` columns.
template <class X, class Out>
struct DropoutAddArguments {
  const X* x;
  const float* residual;                    // or null
  const std::int32_t *sequence, *position;  // of each row
  std::int64_t quads_per_row;
  std::uint64_t key;
  std::int64_t first_in_batch;
  device::DropoutRate rate;
  Out* out;
};

template <class X, class Out>
DropoutAddArguments<X, Out> dropout_add_arguments(const at::Tensor& x, const at::Tensor& residual,
                                                  const DropoutSite& site, const RowPlaces& places, at::Tensor& out) {
  return {x.const_data_ptr<X>(),
          residual.defined() ? residual.const_data_ptr<float>() : nullptr,
          places.sequence_of_row.const_data_ptr<std::int32_t>(),
          places.positions.const_data_ptr<std::int32_t>(),
          x.size(1) / 4,
          site.key,
          places.first_in_batch,
          site.rate,
          out.mutable_data_ptr<Out>()};
}

/// Four neighbouring columns of one row, which share one draw4(). `quad` counts them row by row.
template <class X, class Out>
BERTFT_HOST_DEVICE inline void dropout_add_quad(const DropoutAddArguments<X, Out>& a, std::int64_t quad) {
  const std::int64_t row = quad / a.quads_per_row;
  const std::int64_t column = quad % a.quads_per_row * 4;
  const std::uint64_t sequence_key =
      device::fold(a.key, static_cast<std::uint64_t>(a.first_in_batch + a.sequence[row]));
  const std::uint64_t draws =
      device::draw4(sequence_key, static_cast<std::uint64_t>(a.position[row]), static_cast<std::uint64_t>(column));
  for (int lane = 0; lane < 4; ++lane) {
    const std::int64_t i = 4 * quad + lane;
    const auto drawn = static_cast<std::uint32_t>(draws >> (16 * lane)) & 0xffffU;
    const float kept = drawn >= a.rate.threshold ? static_cast<float>(a.x[i]) * a.rate.scale : 0.0F;
    a.out[i] = static_cast<Out>(a.residual == nullptr ? kept : a.residual[i] + kept);
  }
}

}  // namespace bertft::model
