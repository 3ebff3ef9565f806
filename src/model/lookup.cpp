#include "model/lookup.h"

#include <ATen/Functions.h>
#include <torch/csrc/autograd/custom_function.h>

namespace bertft::model {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// Rows of the same id one after the other, in the order of the batch: the same bits each time.
void add_rows(at::Tensor& sum, const at::Tensor& ids, const at::Tensor& rows) {
  if (sum.is_cuda()) {
    // index_add_() would add in any order. Unsafe: ids are not checked, for which it would wait; the forward pass has.
    at::_index_put_impl_(sum, {ids.to(at::kLong)}, rows, /*accumulate=*/true, /*unsafe=*/true);
  } else {
    sum.index_add_(0, ids, rows);
  }
}

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
    add_rows(sum, ids, grad);
    if (padding >= 0) sum.select(0, padding).zero_();
    return {{}, {}, {}};
  }
};

}  // namespace

at::Tensor lookup(const at::Tensor& table, const at::Tensor& ids, std::int64_t padding) {
  return Lookup::apply(table, ids, padding);
}

}  // namespace bertft::model
