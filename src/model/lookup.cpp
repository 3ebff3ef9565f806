#include "model/lookup.h"

#include <ATen/Functions.h>
#include <torch/csrc/autograd/custom_function.h>

namespace bertft::model {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

struct Lookup : torch::autograd::Function<Lookup> {
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& table, const at::Tensor& ids,
                            std::int64_t padding) {
    ctx->save_for_backward({table, ids});
    ctx->saved_data["padding"] = padding;
    return at::embedding(table, ids);
  }

  static variable_list backward(AutogradContext* ctx, const variable_list& grads) {
    const variable_list saved = ctx->get_saved_variables();
    const at::Tensor &table = saved[0], &ids = saved[1], &grad = grads[0];
    const std::int64_t padding = ctx->saved_data["padding"].toInt();
    at::Tensor& sum = table.mutable_grad();
    if (!sum.defined()) {
      return {at::embedding_dense_backward(grad, ids, table.size(0), padding, /*scale_grad_by_freq=*/false), {}, {}};
    }
    sum.index_add_(0, ids, grad);  // equal ids one after the other on a CPU; on a GPU only under full_determinism
    if (padding >= 0) sum.select(0, padding).zero_();
    return {{}, {}, {}};
  }
};

}  // namespace

at::Tensor lookup(const at::Tensor& table, const at::Tensor& ids, std::int64_t padding) {
  return Lookup::apply(table, ids, padding);
}

}  // namespace bertft::model
