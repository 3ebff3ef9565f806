#pragma once

// C++17, and usable in CUDA code: what one thread of the kernel does, so that tests run it on the CPU too.
// Nothing of ATen: nvcc would read its headers once for each GPU architecture, which took two minutes.

#include <cstdint>

#include "bertft/device/counter_rng.h"

struct CUstream_st;  // a cudaStream_t points to one

namespace bertft::model {

/// Neighbouring columns of a row, which share one draw4(): loaded and stored at once.
template <class T>
struct alignas(device::kColumnsPerDraw * sizeof(T)) Quad {
  T columns[device::kColumnsPerDraw];
};

/// Arguments of dropout_add() over packed rows.
template <class X, class Out>
struct DropoutAddArguments {
  const Quad<X>* x;                         // [num_rows, quads_per_row]
  const Quad<float>* residual;              // the same, or null
  const std::int32_t *sequence, *position;  // of each row
  std::int64_t num_rows, quads_per_row;
  std::uint64_t key;
  std::int64_t first_in_batch;
  device::DropoutRate rate;
  Quad<Out>* out;  // as x
};

template <class X, class Out>
BERTFT_HOST_DEVICE inline void dropout_add_quad(const DropoutAddArguments<X, Out>& a, std::int64_t row,
                                                std::int64_t quad) {
  const std::uint64_t sequence_key =
      device::fold(a.key, static_cast<std::uint64_t>(a.first_in_batch + a.sequence[row]));
  const std::uint64_t draws = device::draw4(sequence_key, static_cast<std::uint64_t>(a.position[row]),
                                            static_cast<std::uint64_t>(device::kColumnsPerDraw * quad));
  const std::int64_t i = row * a.quads_per_row + quad;
  const bool adds = a.residual != nullptr;
  const Quad<X> x = a.x[i];
  const Quad<float> residual = adds ? a.residual[i] : Quad<float>{};
  Quad<Out> out;
  for (int lane = 0; lane < device::kColumnsPerDraw; ++lane) {
    const auto drawn = static_cast<std::uint32_t>(draws >> (16 * lane)) & 0xffffU;
    const float kept = drawn >= a.rate.threshold ? static_cast<float>(x.columns[lane]) * a.rate.scale : 0.0F;
    out.columns[lane] = static_cast<Out>(adds ? residual.columns[lane] + kept : kept);
  }
  a.out[i] = out;
}

/// Starts a kernel with a block for each row, of which there is at least one; X and Out are those of with_types().
/// Whether it started, cudaGetLastError() tells.
template <class X, class Out>
void launch_dropout_add(const DropoutAddArguments<X, Out>& arguments, CUstream_st* stream);

}  // namespace bertft::model
