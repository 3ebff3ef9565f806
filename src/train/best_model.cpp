#include "train/best_model.h"

#include <fmt/format.h>

#include <limits>

#include "bertft/util/error.h"

namespace bertft::train {
namespace {

// By how much an evaluation is better; below 0: worse.
double improvement(const Json& metrics, const TrainOptions& options, const std::optional<double>& best) {
  const double value = metric_value(metrics, options);
  if (!best) return std::numeric_limits<double>::infinity();
  const bool greater = options.greater_is_better.value_or(options.metric_for_best_model != BestMetric::kLoss);
  return greater ? value - *best : *best - value;
}

}  // namespace

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
