#pragma once

#include <ATen/core/Tensor.h>

namespace bertft::model {

/// x W^T + b, in bfloat16 or float16 where autocast is on.
///
/// x       [T, I] float32 or autocast's type
/// weight  [O, I] float32, bias [O] float32
/// returns [T, O] float32, or autocast's type
at::Tensor linear(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias);

/// `half` as what autocast would make of x, for each of several layers that take x: one copy is kept for the backward
/// pass where autocast would keep one for each, and the gradients still reach x, and are summed, in float32.
///
/// x     [T, I] float32
/// half  [T, I] autocast's type: x's values
at::Tensor as_cast_of(const at::Tensor& x, const at::Tensor& half);

/// What linear() takes under autocast to `half` on a CPU for which ATen has no fast product of that (of bfloat16 an x86
/// without AVX-512: there it takes thirty times as long as one of float32). In the forward
/// pass operands and results are rounded as there, in the backward pass gradients less often; the products are of
/// float32, a block of rows at a time.
at::Tensor linear_through_fp32(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                               at::ScalarType half);

}  // namespace bertft::model
