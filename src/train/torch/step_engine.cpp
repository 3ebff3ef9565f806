#include "bertft/train/step_engine.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/full_like.h>
#include <ATen/ops/stack.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "bertft/util/error.h"
#include "bertft/util/log.h"

namespace bertft::train {

StepEngine::StepEngine(const StepParts& parts, const data::MicroBatchLimit& limit, std::uint64_t seed)
    : parts_(parts), limit_(limit), seed_(seed) {}

void StepEngine::cut(StepBatches& batches) const {
  batches.micro_batches.clear();  // old and new ones together would take twice the pinned memory
  batches = make_batches(parts_.features, batches.windows, limit_, parts_.device.torch_device);
}

StepResult StepEngine::run(StepBatches batches, std::int64_t step, double learning_rate) {
  if (!loss_scale_) return run_until_it_fits(batches, step, learning_rate);
  const LossScale before = *loss_scale_;
  while (true) {
    const StepResult result = run_until_it_fits(batches, step, learning_rate);
    if (result.applied) {
      loss_scale_->note_applied();
      return result;
    }
    // A loss that is not finite was so before anything was scaled.
    if (!std::isfinite(result.loss) || !loss_scale_->lower()) {
      loss_scale_ = before;
      return result;
    }
    log::debug(fmt::format("step {}: gradients overflow in fp16; done again at loss scale {}", step + 1,
                           loss_scale_->value()));
  }
}

// The step, in ever smaller pieces where it runs out of memory.
StepResult StepEngine::run_until_it_fits(StepBatches& batches, std::int64_t step, double learning_rate) {
  while (true) {
    StepResult result;
    Place place;
    const auto shortage = memory::attempt(
        parts_.device,
        [&] {
          if (batches.micro_batches.empty() || batches.limit != limit_) cut(batches);
          result = run_once(batches, step, learning_rate, place);
        },
        [&] { parts_.optimizer.zero_grad(); });
    if (!shortage) {
      tries_of_one_.succeeded();
      return result;
    }
    if (reclaim_()) continue;
    shrink(*shortage, place, step);
  }
}

StepResult StepEngine::run_once(StepBatches& batches, std::int64_t step, double learning_rate, Place& place) {
  StepResult result;
  result.num_features = static_cast<std::int64_t>(batches.windows.size());
  const double scale = loss_scale_ ? loss_scale_->value() : 1;
  at::Tensor loss;
  std::int64_t done = 0;
  for (model::StagedBatch& staged : batches.micro_batches) {
    const auto features = static_cast<std::int64_t>(staged.packed.num_sequences());
    const auto tokens = static_cast<std::int64_t>(staged.packed.num_tokens());
    place = {"forward", std::max(place.num_features, features), std::max(place.num_tokens, tokens), features, tokens};
    const model::DeviceBatch batch = model::to_device(staged, parts_.device.torch_device);
    const model::SpanLogits logits =
        parts_.model.forward(batch, model::DropoutSeed{seed_, static_cast<std::uint64_t>(step)});
    const at::Tensor part = model::span_loss_sum(logits, batch) / static_cast<double>(batches.windows.size());
    place.phase = "backward";
    part.backward(at::full_like(part, scale));
    loss = loss.defined() ? loss + part.detach() : part.detach();
    result.num_tokens += batch.num_tokens();
    done += features;
    if (done < result.num_features) progress_(done, result.num_features);
  }
  place.phase = "optimizer";
  if (loss_scale_) parts_.optimizer.scale_gradients(1 / scale);
  const at::Tensor figures = at::stack({loss, parts_.optimizer.clip_gradients()}).cpu();  // one wait for the device
  result.loss = figures[0].item<double>();
  result.grad_norm = figures[1].item<double>();
  result.applied = std::isfinite(result.loss) && std::isfinite(result.grad_norm);
  if (result.applied) parts_.optimizer.step(learning_rate);
  parts_.optimizer.zero_grad();  // their room is an evaluation's until the next step
  return result;
}

void StepEngine::shrink(const memory::Shortage& shortage, const Place& place, std::int64_t step) {
  if (place.cannot_be_cut()) {
    if (tries_of_one_.may_try_again()) return;
    if (place.num_features == 0) {
      throw OutOfMemoryError(
          fmt::format("the batches of step {} do not fit in memory: {}.", step + 1, shortage.message));
    }
    throw OutOfMemoryError(
        memory::one_feature_text(place.tokens_in_hand, fmt::format("{} of step {}", place.phase, step + 1), shortage));
  }
  limit_.tokens = std::min(place.num_tokens, limit_.tokens.value_or(place.num_tokens)) / 2;
  listener_({place.phase, place.num_tokens, *limit_.tokens});
}

}  // namespace bertft::train
