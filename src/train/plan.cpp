#include "bertft/train/plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "bertft/data/batch.h"
#include "bertft/data/order.h"
#include "bertft/util/error.h"

namespace bertft::train {
namespace {

std::int64_t ceil_div(std::int64_t a, std::int64_t b) {
  return (a + b - 1) / b;
}

// More than any run does, and far below where counters, of bytes too, end.
constexpr std::int64_t kMostSteps = 1'000'000'000'000;
constexpr std::int64_t kMostFeatures = 100'000'000;

std::int64_t total_steps(const TrainOptions& options, std::int64_t steps_per_epoch) {
  const double steps = options.max_steps ? static_cast<double>(*options.max_steps)
                                         : std::ceil(options.num_train_epochs * static_cast<double>(steps_per_epoch));
  if (steps > static_cast<double>(kMostSteps)) {
    throw ConfigError(fmt::format("the run would have {:g} steps.\nLower {}.", steps,
                                  options.max_steps ? "max_steps" : "num_train_epochs"));
  }
  return static_cast<std::int64_t>(steps);
}

// A number of steps, or below 1 a share of all steps, rounded up.
std::int64_t resolved_steps(double steps, std::int64_t total) {
  if (steps >= 1) return static_cast<std::int64_t>(std::min(steps, static_cast<double>(kMostSteps)));
  return std::max<std::int64_t>(1, static_cast<std::int64_t>(std::ceil(static_cast<double>(total) * steps)));
}

}  // namespace

double Plan::epoch_after(std::int64_t step) const {
  const std::int64_t batches = std::min(step % steps_per_epoch * batches_per_step, batches_per_epoch);
  return static_cast<double>(step / steps_per_epoch) +
         static_cast<double>(batches) / static_cast<double>(batches_per_epoch);
}

std::int64_t effective_batch(const TrainOptions& options) {
  if (options.per_device_train_batch_size > kMostFeatures / options.gradient_accumulation_steps) {
    throw ConfigError(
        fmt::format("per_device_train_batch_size {} times gradient_accumulation_steps {} is no batch that any data set "
                    "fills.\nLower one of them.",
                    options.per_device_train_batch_size, options.gradient_accumulation_steps));
  }
  return options.per_device_train_batch_size * options.gradient_accumulation_steps;
}

Plan make_plan(std::int64_t num_features, const TrainOptions& options) {
  const std::int64_t batch = options.per_device_train_batch_size;
  Plan plan;
  plan.num_features = num_features;
  plan.effective_batch = effective_batch(options);
  plan.used_features = options.dataloader_drop_last ? num_features / batch * batch : num_features;
  if (plan.used_features == 0) {
    throw DataError(
        fmt::format("{} training features make no full batch of {}, and dataloader_drop_last drops the rest.\n"
                    "Use a smaller batch or dataloader_drop_last: false.",
                    num_features, batch));
  }
  plan.batches_per_step = options.gradient_accumulation_steps;
  plan.batches_per_epoch = ceil_div(plan.used_features, batch);
  plan.steps_per_epoch = ceil_div(plan.used_features, plan.effective_batch);
  plan.total_steps = total_steps(options, plan.steps_per_epoch);
  plan.logging_steps = resolved_steps(options.logging_steps, plan.total_steps);
  plan.save_steps = resolved_steps(options.save_steps, plan.total_steps);
  plan.eval_steps = resolved_steps(options.eval_steps.value_or(options.logging_steps), plan.total_steps);
  return plan;
}

std::int64_t Plan::num_epochs() const {
  return ceil_div(total_steps, steps_per_epoch);
}

std::optional<std::int64_t> micro_batch_tokens(const TrainOptions& options,
                                               const std::optional<std::int64_t>& token_budget) {
  if (!token_budget || !options.micro_batch_tokens) return token_budget ? token_budget : options.micro_batch_tokens;
  return std::min(*token_budget, *options.micro_batch_tokens);
}

std::int64_t micro_batch(const TrainOptions& options, std::int64_t at_most, std::int64_t length,
                         const std::optional<std::int64_t>& token_budget) {
  const std::int64_t by_features =
      std::min({at_most, options.micro_batch_features.value_or(at_most), data::kMostSequences});
  const auto tokens = micro_batch_tokens(options, token_budget);
  return tokens ? std::clamp<std::int64_t>(*tokens / length, 1, by_features) : by_features;
}

std::optional<std::int64_t> interval_of(IntervalStrategy strategy, std::int64_t steps, const Plan& plan) {
  switch (strategy) {
    case IntervalStrategy::kNo:
      return std::nullopt;
    case IntervalStrategy::kSteps:
      return steps;
    case IntervalStrategy::kEpoch:
      break;
  }
  return plan.steps_per_epoch;
}

bool is_due(std::int64_t step, IntervalStrategy strategy, std::int64_t steps, const Plan& plan) {
  const auto interval = interval_of(strategy, steps, plan);
  return interval && step % *interval == 0;
}

std::int64_t most_checkpoints(const Plan& plan, const TrainOptions& options, bool evaluates) {
  if (options.save_strategy == IntervalStrategy::kNo) return 1;  // the last step always is saved
  const auto before_last = [&](IntervalStrategy strategy, std::int64_t steps) -> std::int64_t {
    const auto interval = interval_of(strategy, steps, plan);
    return interval ? (plan.total_steps - 1) / *interval : 0;
  };
  const std::int64_t best = evaluates ? before_last(options.eval_strategy, plan.eval_steps) : 0;
  const std::int64_t saved = 1 + before_last(options.save_strategy, plan.save_steps) + best;
  if (!options.save_total_limit) return std::min(saved, plan.total_steps);
  constexpr std::int64_t kBeingWritten = 1;  // an old one goes when the new one is complete
  const std::int64_t besides = (evaluates ? 1 : 0) + kBeingWritten;
  return std::min(saved - besides, *options.save_total_limit) + besides;
}

std::span<const std::uint32_t> DataOrder::windows(std::int64_t step) {
  const std::int64_t epoch = step / plan_.steps_per_epoch;
  if (epoch != epoch_) {
    order_ =
        data::epoch_order(static_cast<std::uint32_t>(plan_.num_features), seed_, static_cast<std::uint64_t>(epoch));
    epoch_ = epoch;
  }
  const std::int64_t begin = step % plan_.steps_per_epoch * plan_.effective_batch;
  const std::int64_t end = std::min(begin + plan_.effective_batch, plan_.used_features);
  return std::span(order_).subspan(static_cast<std::size_t>(begin), static_cast<std::size_t>(end - begin));
}

}  // namespace bertft::train
