#pragma once

#include <ATen/core/Tensor.h>

namespace bertft::model {

/// A linear layer's parameters as its products take them: themselves, or copies in half precision through which the
/// gradients reach them.
struct LinearWeights {
  at::Tensor weight;  // [O, I]
  at::Tensor bias;    // [O]

  LinearWeights to(at::ScalarType type) const { return {weight.to(type), bias.to(type)}; }
};

/// x W^T + b in the weights' type, float32, bfloat16 or float16.
///
/// x       [T, I] float32 or the weights' type
/// returns [T, O] of the weights' type
at::Tensor linear(const at::Tensor& x, const LinearWeights& weights);

/// What linear() takes of weights in half precision on a CPU for which ATen has no fast product of that type (of
/// bfloat16 an x86 without AVX-512: there it takes thirty times as long as one of float32). Operands and results are
/// rounded as there; the products are of float32, a block of rows at a time.
///
/// x  [T, I] of the weights' type
at::Tensor linear_through_fp32(const at::Tensor& x, const LinearWeights& weights);

}  // namespace bertft::model
