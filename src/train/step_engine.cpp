#include "bertft/train/step_engine.h"

#include <cmath>

#include <ATen/TensorOperators.h>

namespace bertft::train {

StepEngine::StepEngine(model::QaModel& model, optim::AdamW& optimizer, const device::Device& device,
                       const data::Features& features, const data::MicroBatchLimit& limit, std::uint64_t seed)
    : model_(model), optimizer_(optimizer), device_(device), features_(features), limit_(limit), seed_(seed) {}

StepResult StepEngine::run(std::span<const std::uint32_t> windows, std::int64_t step, double learning_rate) {
  StepResult result;
  result.num_features = static_cast<std::int64_t>(windows.size());
  optimizer_.zero_grad();
  at::Tensor loss;
  const auto borders = data::slice_batch(features_, windows, limit_);
  for (std::size_t i = 0; i + 1 < borders.size(); ++i) {
    const auto slice = windows.subspan(borders[i], borders[i + 1] - borders[i]);
    const data::PackedBatch packed = data::pack(features_, slice, static_cast<std::uint32_t>(borders[i]));
    const model::DeviceBatch batch = model::to_device(packed, device_.torch_device);
    const model::SpanLogits logits =
        model_.forward(batch, model::DropoutSeed{seed_, static_cast<std::uint64_t>(step)});
    const at::Tensor part = model::span_loss_sum(logits, batch) / static_cast<double>(windows.size());
    part.backward();
    loss = loss.defined() ? loss + part.detach() : part.detach();
    result.num_tokens += batch.num_tokens();
  }
  result.loss = loss.item<double>();
  result.grad_norm = optimizer_.clip_gradients();
  result.applied = std::isfinite(result.loss) && std::isfinite(result.grad_norm);
  if (result.applied) optimizer_.step(learning_rate);
  return result;
}

}  // namespace bertft::train
