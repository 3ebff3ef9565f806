#include "train/best_model.h"

#include <fmt/format.h>

#include <limits>

#include "bertft/util/error.h"

namespace bertft::train {
namespace {

bool greater_is_better(const TrainOptions& options) {
  return options.greater_is_better.value_or(options.metric_for_best_model != BestMetric::kLoss);
}

// By how much an evaluation is better; below 0: worse.
double improvement(const Json& metrics, const TrainOptions& options, const std::optional<double>& best) {
  const double value = metric_value(metrics, options);
  if (!best) return std::numeric_limits<double>::infinity();
  return greater_is_better(options) ? value - *best : *best - value;
}

}  // namespace

std::string measure_of(const TrainOptions& options) {
  return fmt::format("{}, {} is better", name_of(options.metric_for_best_model),
                     greater_is_better(options) ? "greater" : "less");
}

double metric_value(const Json& metrics, const TrainOptions& options) {
  const auto found = metrics.find(name_of(options.metric_for_best_model));
  if (found == metrics.end() || !found->is_number()) {
    throw ConfigError(
        fmt::format("metric_for_best_model is {}, which this evaluation does not have.\n"
                    "best_f1 and best_exact need data with unanswerable questions; use f1 or exact.",
                    name_of(options.metric_for_best_model)));
  }
  return found->get<double>();
}

bool is_better(const Json& metrics, const TrainOptions& options, const std::optional<double>& best) {
  return improvement(metrics, options, best) > 0;
}

bool is_gain(const Json& metrics, const TrainOptions& options, const std::optional<double>& best) {
  return improvement(metrics, options, best) > options.early_stopping_threshold;
}

}  // namespace bertft::train
