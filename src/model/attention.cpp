#include "model/attention.h"

#include <torch/csrc/autograd/custom_function.h>

#include "model/capsule.h"

namespace bertft::model {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

struct Replay {
  std::int64_t num_heads;
  DropoutSite site;
  DeviceBatch batch;
};

struct CpuAttention : torch::autograd::Function<CpuAttention> {
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                            std::int64_t num_heads, const DropoutSite& site, const DeviceBatch& batch) {
    AttentionForward result = attention_forward_cpu(q, k, v, num_heads, site, batch);
    ctx->save_for_backward({q, k, v, result.out, result.log_sums});
    ctx->saved_data["replay"] = hold(Replay{num_heads, site, batch});
    return result.out;
  }

  static variable_list backward(AutogradContext* ctx, const variable_list& grad) {
    const auto saved = ctx->get_saved_variables();
    const auto& replay = held<Replay>(ctx->saved_data["replay"]);
    AttentionGrads grads = attention_backward_cpu(grad[0], saved[0], saved[1], saved[2], {saved[3], saved[4]},
                                                  replay.num_heads, replay.site, replay.batch);
    return {grads.q, grads.k, grads.v, {}, {}, {}};
  }
};

}  // namespace

at::Tensor attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, std::int64_t num_heads,
                     const DropoutSite& site, const DeviceBatch& batch) {
  if (q.is_cuda()) return attention_cuda(q, k, v, num_heads, site, batch);
  return CpuAttention::apply(q, k, v, num_heads, site, batch);
}

}  // namespace bertft::model
