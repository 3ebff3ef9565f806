#include "model/attention.h"

#include <torch/csrc/autograd/custom_function.h>

#include "model/capsule.h"

namespace bertft::model {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

struct CpuAttention : torch::autograd::Function<CpuAttention> {
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                            AttentionParams params) {
    AttentionForward result = attention_forward_cpu({q, k, v}, params);
    ctx->save_for_backward({q, k, v, result.out, result.log_sums});
    ctx->saved_data["params"] = hold(std::move(params));
    return result.out;
  }

  static variable_list backward(AutogradContext* ctx, const variable_list& grad) {
    const auto saved = ctx->get_saved_variables();
    const Qkv grads = attention_backward_cpu(grad[0], {saved[0], saved[1], saved[2]}, {saved[3], saved[4]},
                                             held<AttentionParams>(ctx->saved_data["params"]));
    return {grads.q, grads.k, grads.v, {}};
  }
};

}  // namespace

at::Tensor attention(const Qkv& in, AttentionParams params) {
  if (in.q.is_cuda()) return attention_cuda(in, params);
  return CpuAttention::apply(in.q, in.k, in.v, std::move(params));
}

}  // namespace bertft::model
