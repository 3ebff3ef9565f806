#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "bertft/model/device_batch.h"
#include "model/dropout_cuda.h"

namespace bertft::model {

/// x with its elements dropped, plus `residual` where it is defined. Nothing is kept for the
/// backward pass but the key: the mask is drawn again.
///
/// x         [T, H] float32 or bfloat16
/// residual  [T, H] float32, or undefined
/// returns   [T, H], of residual's type, else of x's
at::Tensor dropout_add(const at::Tensor& x, const at::Tensor& residual, const DropoutSite& site,
                       const DeviceBatch& batch);

/// The same without autograd: out = residual + x * mask, where residual may be undefined.
at::Tensor dropout_add_cpu(const at::Tensor& x, const at::Tensor& residual, at::ScalarType out_type,
                           const DropoutSite& site, const DeviceBatch& batch);

/// Multipliers of one row: 0 where dropped, rate.scale where kept. `out` holds n floats.
void dropout_multipliers(std::uint64_t sequence_key, std::uint64_t row, std::int64_t n, const device::DropoutRate& rate,
                         float* out);

}  // namespace bertft::model
