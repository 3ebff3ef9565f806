#pragma once

// C++17, and usable in CUDA code: what one thread of the kernel does, so that tests run it on the CPU too.
// Nothing of ATen: nvcc would read its headers once for each GPU architecture, which took two minutes.

#include <cstdint>

#include "bertft/device/counter_rng.h"

struct CUstream_st;  // a cudaStream_t points to one

namespace bertft::model {

/// Arguments of dropout_add() over packed rows of `quads_per_row` times kColumnsPerDraw columns.
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

/// Four neighbouring columns of one row, which share one draw4(). `quad` counts them row by row.
template <class X, class Out>
BERTFT_HOST_DEVICE inline void dropout_add_quad(const DropoutAddArguments<X, Out>& a, std::int64_t quad) {
  const std::int64_t row = quad / a.quads_per_row;
  const std::int64_t column = quad % a.quads_per_row * device::kColumnsPerDraw;
  const std::uint64_t sequence_key =
      device::fold(a.key, static_cast<std::uint64_t>(a.first_in_batch + a.sequence[row]));
  const std::uint64_t draws =
      device::draw4(sequence_key, static_cast<std::uint64_t>(a.position[row]), static_cast<std::uint64_t>(column));
  for (int lane = 0; lane < device::kColumnsPerDraw; ++lane) {
    const std::int64_t i = device::kColumnsPerDraw * quad + lane;
    const auto drawn = static_cast<std::uint32_t>(draws >> (16 * lane)) & 0xffffU;
    const float kept = drawn >= a.rate.threshold ? static_cast<float>(a.x[i]) * a.rate.scale : 0.0F;
    a.out[i] = static_cast<Out>(a.residual == nullptr ? kept : a.residual[i] + kept);
  }
}

/// Starts a kernel with one thread for each of `num_quads` quads, at least one; X and Out are float or
/// c10::BFloat16. Whether it started, cudaGetLastError() tells.
template <class X, class Out>
void launch_dropout_add(const DropoutAddArguments<X, Out>& arguments, std::int64_t num_quads, CUstream_st* stream);

}  // namespace bertft::model
