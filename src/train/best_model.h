#pragma once

#include <optional>
#include <string>

#include "bertft/train/options.h"
#include "bertft/util/json.h"

namespace bertft::train {

/// What the best model is chosen by: "f1, greater is better".
std::string measure_of(const TrainOptions& options);

/// The value of metric_for_best_model in an evaluation's metrics.
/// throws ConfigError when the evaluation does not have it
double metric_value(const Json& metrics, const TrainOptions& options);

/// Whether an evaluation is better than the best before it, `best`; true without one. As Trainer's best model.
bool is_better(const Json& metrics, const TrainOptions& options, const std::optional<double>& best);

/// Whether it is better by more than early_stopping_threshold, so that the patience starts anew; as
/// EarlyStoppingCallback.
bool is_gain(const Json& metrics, const TrainOptions& options, const std::optional<double>& best);

}  // namespace bertft::train
