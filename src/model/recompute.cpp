#include "model/recompute.h"

#include <ATen/core/grad_mode.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/custom_function.h>

#include "model/capsule.h"

namespace bertft::model {
namespace {

using Block = std::function<at::Tensor(const at::Tensor&)>;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

struct Recompute : torch::autograd::Function<Recompute> {
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& input, const Block& block) {
    ctx->save_for_backward({input});
    ctx->saved_data["block"] = hold(block);
    return block(input);
  }

  static variable_list backward(AutogradContext* ctx, const variable_list& grads) {
    const at::Tensor input = ctx->get_saved_variables()[0].detach().requires_grad_(true);
    const at::AutoGradMode record(true);
    const at::Tensor output = held<Block>(ctx->saved_data["block"])(input);
    torch::autograd::backward({output}, {grads[0]});  // re-entrant; weights get their gradients here
    return {input.grad(), {}};
  }
};

}  // namespace

at::Tensor recomputed(const Block& block, const at::Tensor& input) {
  return Recompute::apply(input, block);
}

}  // namespace bertft::model
