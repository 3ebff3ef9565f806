#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <utility>

#include "bertft/data/batch.h"
#include "bertft/data/features.h"
#include "bertft/device/device.h"
#include "bertft/memory/shortage.h"
#include "bertft/model/qa_model.h"
#include "bertft/optim/adamw.h"
#include "bertft/train/loss_scale.h"
#include "bertft/train/step_batches.h"

namespace bertft::train {

struct StepResult {
  double loss = 0;       // mean over the effective batch
  double grad_norm = 0;  // before clipping
  std::int64_t num_features = 0, num_tokens = 0;
  bool applied = true;  // false: loss or gradients were not finite, nothing was changed
};

/// What the engine works on; the references must outlive it.
struct StepParts {
  model::QaModel& model;
  optim::AdamW& optimizer;
  const device::Device& device;
  const data::Features& features;
};

/// A step that ran out of memory and is done again in smaller pieces.
struct Shrunk {
  std::string phase;              // "forward", "backward", "optimizer"
  std::int64_t tokens = 0;        // of the step's largest micro-batch so far
  std::int64_t tokens_limit = 0;  // from now on
};

/// Runs one optimizer step over an effective batch, whatever part of it fits on the device
/// at a time: the only code that loops over micro-batches. Gradients of micro-batches add up
/// to those of the whole batch exactly: each contributes its sum divided by the whole count.
///
/// A step that runs out of memory changes nothing: it is done again from its beginning, with the
/// same dropout masks, at half the token budget, which stays in force. Under a loss scale, so does one whose
/// gradients overflow, at half the scale.
class StepEngine {
 public:
  /// `seed` keys the dropout masks.
  StepEngine(const StepParts& parts, const data::MicroBatchLimit& limit, std::uint64_t seed);

  /// Runs step `step`, counted from 0. Batches not cut yet, or to another limit than the one in force,
  /// are cut here.
  /// throws OutOfMemoryError when a micro-batch of one feature does not fit, tried several times
  StepResult run(StepBatches batches, std::int64_t step, double learning_rate);

  /// The same of an effective batch that nobody has cut yet.
  StepResult run(std::span<const std::uint32_t> windows, std::int64_t step, double learning_rate) {
    return run(StepBatches{{windows.begin(), windows.end()}, limit_, {}}, step, learning_rate);
  }

  /// From now on losses are multiplied by it before their backward pass, and the gradients divided by it after.
  void scale_loss(const LossScale& scale) { loss_scale_ = scale; }
  const std::optional<LossScale>& loss_scale() const { return loss_scale_; }

  /// The limit in force.
  const data::MicroBatchLimit& limit() const { return limit_; }

  /// Asked at every shortage whether there is something that can give memory back, such as a
  /// checkpoint being written; when it says true, the step is done again as it was.
  void on_shortage(std::function<bool()> reclaim) { reclaim_ = std::move(reclaim); }

  /// Told of each micro-batch that is done and not the step's last: features so far, and of the step. By then a GPU may
  /// only have been given the work.
  void on_progress(std::function<void(std::int64_t done, std::int64_t total)> listener) {
    progress_ = std::move(listener);
  }

  /// Told of every step that is done again in smaller pieces.
  void on_shrink(std::function<void(const Shrunk&)> listener) { listener_ = std::move(listener); }

 private:
  // Where the work stands, for messages.
  struct Place {
    const char* phase = "forward";
    // The most of a micro-batch so far: the one in hand may be a small remainder, and halving that
    // would help less than halving the largest. None before the first, while the batches are made.
    std::int64_t num_features = 0, num_tokens = 0;
    std::int64_t features_in_hand = 0, tokens_in_hand = 0;

    // Whether no smaller limit would make the largest micro-batch smaller.
    bool cannot_be_cut() const { return num_features <= 1 || (features_in_hand == 1 && tokens_in_hand == num_tokens); }
  };

  void cut(StepBatches& batches) const;
  StepResult run_until_it_fits(StepBatches& batches, std::int64_t step, double learning_rate);
  StepResult run_once(StepBatches& batches, std::int64_t step, double learning_rate, Place& place);
  void shrink(const memory::Shortage& shortage, const Place& place, std::int64_t step);

  StepParts parts_;
  data::MicroBatchLimit limit_;
  std::uint64_t seed_;
  std::optional<LossScale> loss_scale_;  // of a run in fp16
  std::function<bool()> reclaim_ = [] { return false; };
  std::function<void(std::int64_t, std::int64_t)> progress_ = [](std::int64_t, std::int64_t) {};
  std::function<void(const Shrunk&)> listener_ = [](const Shrunk&) {};
  memory::TriesOfOne tries_of_one_;  // of a micro-batch that cannot be cut
};

}  // namespace bertft::train
