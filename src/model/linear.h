#pragma once

#include <ATen/core/Tensor.h>

namespace bertft::model {

/// x W^T + b, of operands rounded to `type`: float32, bfloat16 or float16.
///
/// x       [T, I] float32 or `type`
/// weight  [O, I] float32, bias [O] float32
/// returns [T, O] of `type`
at::Tensor linear(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias, at::ScalarType type);

/// What linear() takes to a half type on a CPU for which ATen has no fast product of that (of bfloat16 an x86 without
/// AVX-512: there it takes thirty times as long as one of float32). Operands and results are rounded as there; the
/// products are of float32, a block of rows at a time.
///
/// x, weight, bias  as above, but of the half type all
at::Tensor linear_through_fp32(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias);

/// What linear() takes to float32 on a CPU where oneDNN's products of it are the faster ones. All of float32.
at::Tensor linear_by_onednn(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias);

}  // namespace bertft::model
