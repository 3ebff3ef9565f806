#include <ATen/Functions.h>

#include <limits>

#include "bertft/model/qa_model.h"

namespace bertft::model {

at::Tensor span_losses(const SpanLogits& logits, const DeviceBatch& batch) {
  // A log-sum-exp for each sequence and side; the maximum only guards against overflow, so
  // no gradient flows through it.
  const at::Tensor both = at::stack({logits.start, logits.end}, 1);  // [T, 2]
  const at::Tensor sequence = batch.sequence_of_row.to(at::kLong);
  const auto n = batch.num_sequences();
  const at::Tensor index = sequence.unsqueeze(1).expand({-1, 2});
  const at::Tensor largest = at::full({n, 2}, -std::numeric_limits<float>::infinity(), both.options())
                                 .scatter_reduce(0, index, both.detach(), "amax");
  const at::Tensor shifted = at::exp(both - largest.index_select(0, sequence));
  const at::Tensor log_sum = at::log(at::zeros({n, 2}, both.options()).index_add(0, sequence, shifted)) + largest;
  const at::Tensor target =
      at::stack({logits.start.index_select(0, batch.start_rows), logits.end.index_select(0, batch.end_rows)}, 1);
  return (log_sum - target).sum(1) * 0.5;
}

at::Tensor span_loss_sum(const SpanLogits& logits, const DeviceBatch& batch) {
  return span_losses(logits, batch).sum();
}

}  // namespace bertft::model
