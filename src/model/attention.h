#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "model/dropout.h"

namespace bertft::model {

/// Queries, keys and values of A heads of size D, or their gradients: [T, A * D] float32,
/// bfloat16 or float16.
struct Qkv {
  at::Tensor q, k, v;
};

struct AttentionParams {
  std::int64_t num_heads;
  DropoutSite site;  // of the probabilities
  DeviceBatch batch;
  bool has_flash = true;  // a GPU: it can run flash attention, which needs sm_80
};

/// Softmax attention inside each sequence of a packed batch (Vaswani et al. 2017, §3.2.1),
/// dropout on the probabilities.
///
/// returns  [T, A * D] of q's type
at::Tensor attention(const Qkv& in, AttentionParams params);

/// The CPU's kernel: never holds more than one head of one sequence per thread, and redraws
/// masks and probabilities in the backward pass (as FlashAttention does; Dao et al. 2022).
struct AttentionForward {
  at::Tensor out;       // [T, A * D] of q's type
  at::Tensor log_sums;  // [A, T] float32, log of the softmax denominators
};
AttentionForward attention_forward_cpu(const Qkv& in, const AttentionParams& params);
Qkv attention_backward_cpu(const at::Tensor& grad_out, const Qkv& in, const AttentionForward& forward,
                           const AttentionParams& params);

/// CUDA: variable-length flash attention for half types where the GPU has it, else the
/// memory-efficient kernel; differentiable by ATen's own formulas. Not yet run on a GPU.
at::Tensor attention_cuda(const Qkv& in, const AttentionParams& params);

}  // namespace bertft::model
