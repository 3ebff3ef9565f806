#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

#include "bertft/train/options.h"

namespace bertft::train {

/// How many steps a run has and what each one reads: a function of the number of features and the options alone.
struct Plan {
  std::int64_t num_features = 0;
  std::int64_t effective_batch = 0;                          // features of a full step
  std::int64_t used_features = 0;                            // of an epoch; fewer than all with dataloader_drop_last
  std::int64_t batches_per_step = 0, batches_per_epoch = 0;  // of per_device_train_batch_size
  std::int64_t steps_per_epoch = 0;
  std::int64_t total_steps = 0;
  std::int64_t logging_steps = 0, save_steps = 0, eval_steps = 0;  // shares resolved to steps

  /// Features of the largest step that there is: a small data set fills no whole batch.
  std::int64_t largest_step() const { return std::min(effective_batch, used_features); }

  /// Epochs that are begun.
  std::int64_t num_epochs() const;

  /// Epochs done after `step` steps, as Hugging Face logs it: counted in batches, of which an epoch's
  /// last step may have fewer.
  double epoch_after(std::int64_t step) const;
};

/// Features of a full step: per_device_train_batch_size x gradient_accumulation_steps.
/// throws ConfigError when that is beyond any data set
std::int64_t effective_batch(const TrainOptions& options);

/// The tokens of a micro-batch: as the options say, or `token_budget`, of a probe or a shortage, where that is less.
std::optional<std::int64_t> micro_batch_tokens(const TrainOptions& options,
                                               const std::optional<std::int64_t>& token_budget);

/// Features of a micro-batch, each of `length` tokens: at most `at_most`, as many as a batch may hold, and as the
/// options and the budget cut it.
std::int64_t micro_batch(const TrainOptions& options, std::int64_t at_most, std::int64_t length,
                         const std::optional<std::int64_t>& token_budget = {});

/// throws ConfigError for a batch or a number of steps beyond any run, DataError when no full batch can be made
/// (dataloader_drop_last and too few features)
Plan make_plan(std::int64_t num_features, const TrainOptions& options);

/// Steps from one point of a strategy to the next, `steps` being the interval of IntervalStrategy::kSteps;
/// nothing where there are none.
std::optional<std::int64_t> interval_of(IntervalStrategy strategy, std::int64_t steps, const Plan& plan);

/// Whether `step` is such a point.
bool is_due(std::int64_t step, IntervalStrategy strategy, std::int64_t steps, const Plan& plan);

/// The most checkpoints that a run can have on disk at one time, with the one being written. `evaluates`:
/// each evaluation may bring a best one besides.
std::int64_t most_checkpoints(const Plan& plan, const TrainOptions& options, bool evaluates);

/// The windows of each step: consecutive slices of each epoch's permutation, the last one
/// short. Keeps one epoch's permutation at a time.
class DataOrder {
 public:
  DataOrder(const Plan& plan, std::uint64_t seed) : plan_(plan), seed_(seed) {}

  /// Windows of step `step`, counted from 0. Valid until a step of another epoch is asked for.
  std::span<const std::uint32_t> windows(std::int64_t step);

 private:
  Plan plan_;
  std::uint64_t seed_;
  std::int64_t epoch_ = -1;
  std::vector<std::uint32_t> order_;
};

}  // namespace bertft::train
