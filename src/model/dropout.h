#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "bertft/device/counter_rng.h"
#include "bertft/model/device_batch.h"

namespace bertft::model {

/// One place of the network where elements are dropped. The mask of an element depends on
/// the key, its sequence's place in the effective batch, and its place in the sequence.
struct DropoutSite {
  device::DropoutRate rate;  // threshold 0: nothing is dropped
  std::uint64_t key = 0;     // folded from seed, step, layer and site

  bool active() const { return rate.threshold > 0; }
};

/// x with its elements dropped, plus `residual` where it is defined. Nothing is kept for the
/// backward pass but the key: the mask is drawn again.
///
/// x         [T, H] float32, bfloat16 or float16, contiguous
/// residual  [T, H] float32, contiguous, or undefined
/// returns   [T, H], of residual's type, else of x's
at::Tensor dropout_add(const at::Tensor& x, const at::Tensor& residual, const DropoutSite& site,
                       const DeviceBatch& batch);

/// The same without autograd: out = residual + x * mask, where residual may be undefined.
at::Tensor dropout_add_cpu(const at::Tensor& x, const at::Tensor& residual, at::ScalarType out_type,
                           const DropoutSite& site, const DeviceBatch& batch);

/// Its twin on the current CUDA stream; H must be a multiple of kColumnsPerDraw. Null without CUDA, as in
/// bertft/device/cuda.h.
[[gnu::weak]] at::Tensor dropout_add_cuda(const at::Tensor& x, const at::Tensor& residual, at::ScalarType out_type,
                                          const DropoutSite& site, const DeviceBatch& batch);

/// Multipliers of one row: 0 where dropped, rate.scale where kept. `out` holds n floats.
void dropout_multipliers(std::uint64_t sequence_key, std::uint64_t row, std::int64_t n, const device::DropoutRate& rate,
                         float* out);

}  // namespace bertft::model
