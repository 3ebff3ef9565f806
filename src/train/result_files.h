#pragma once

#include <cstdint>
#include <string>

#include "bertft/eval/metric.h"
#include "bertft/train/plan.h"
#include "bertft/train/run_state.h"

namespace bertft::train {

/// train_results.json, and its keys merged into all_results.json.
void write_train_results(const std::string& run_directory, const RunState& state, const Plan& plan, double runtime_s,
                         std::int64_t num_features);

/// eval_results.json, likewise.
void write_eval_results(const std::string& run_directory, const eval::Metrics& metrics, double loss, double epoch);

/// Of the files that eval::write_prediction_files() writes for a run.
std::string prediction_prefix(const std::string& run_directory);

}  // namespace bertft::train
