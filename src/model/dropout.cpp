#include "model/dropout.h"

#include <ATen/TensorOperators.h>
#include <torch/csrc/autograd/custom_function.h>

#include "model/capsule.h"

namespace bertft::model {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

at::Tensor apply_mask(const at::Tensor& x, const at::Tensor& residual, at::ScalarType out_type, const DropoutSite& site,
                      const DeviceBatch& batch) {
  return x.is_cuda() ? dropout_add_cuda(x, residual, out_type, site, batch)
                     : dropout_add_cpu(x, residual, out_type, site, batch);
}

struct Replay {
  DropoutSite site;
  DeviceBatch batch;
};

struct DropoutAdd : torch::autograd::Function<DropoutAdd> {
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& x, const std::optional<at::Tensor>& added,
                            const DropoutSite& site, const DeviceBatch& batch) {
    const at::Tensor residual = added.value_or(at::Tensor());
    ctx->saved_data["replay"] = hold(Replay{site, batch});
    ctx->saved_data["x_type"] = static_cast<std::int64_t>(x.scalar_type());
    ctx->saved_data["has_residual"] = residual.defined();
    return apply_mask(x, residual, residual.defined() ? residual.scalar_type() : x.scalar_type(), site, batch);
  }

  static variable_list backward(AutogradContext* ctx, const variable_list& grads) {
    const auto& replay = held<Replay>(ctx->saved_data["replay"]);
    const auto x_type = static_cast<at::ScalarType>(ctx->saved_data["x_type"].toInt());
    const at::Tensor grad = grads[0].contiguous();
    const at::Tensor grad_x = apply_mask(grad, {}, x_type, replay.site, replay.batch);
    return {grad_x, ctx->saved_data["has_residual"].toBool() ? grad : at::Tensor(), {}, {}};
  }
};

}  // namespace

at::Tensor dropout_add(const at::Tensor& x, const at::Tensor& residual, const DropoutSite& site,
                       const DeviceBatch& batch) {
  if (!site.active()) return residual.defined() ? x + residual : x;
  // Autograd takes an absent input as an empty optional, not as an undefined tensor.
  return DropoutAdd::apply(x, residual.defined() ? std::optional(residual) : std::nullopt, site, batch);
}

}  // namespace bertft::model
