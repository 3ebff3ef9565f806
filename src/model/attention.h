#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <utility>

#include "model/dropout.h"

namespace bertft::model {

/// Softmax attention inside each sequence of a packed batch (Vaswani et al. 2017, §3.2.1),
/// dropout on the probabilities.
///
/// q, k, v  [T, A * D] float32, or bfloat16 under autocast
/// returns  [T, A * D] of q's type
at::Tensor attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, std::int64_t num_heads,
                     const DropoutSite& site, const DeviceBatch& batch);

/// The CPU's kernel: never holds more than one head of one sequence per thread, and redraws
/// masks and probabilities in the backward pass (as FlashAttention does; Dao et al. 2022).
struct AttentionForward {
  at::Tensor out;       // [T, A * D] of q's type
  at::Tensor log_sums;  // [A, T] float32, log of the softmax denominators
};
AttentionForward attention_forward_cpu(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                                       std::int64_t num_heads, const DropoutSite& site, const DeviceBatch& batch);

struct AttentionGrads {
  at::Tensor q, k, v;  // [T, A * D] of the inputs' type
};
AttentionGrads attention_backward_cpu(const at::Tensor& grad_out, const at::Tensor& q, const at::Tensor& k,
                                      const at::Tensor& v, const AttentionForward& forward, std::int64_t num_heads,
                                      const DropoutSite& site, const DeviceBatch& batch);

/// CUDA: variable-length flash attention for half types, which need sm_80, else the
/// memory-efficient kernel; differentiable by ATen's own formulas. Not yet run on a GPU.
at::Tensor attention_cuda(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, std::int64_t num_heads,
                          const DropoutSite& site, const DeviceBatch& batch);

}  // namespace bertft::model
