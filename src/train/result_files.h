#pragma once

#include <string>

#include "bertft/util/json.h"

namespace bertft::train {

/// train_results.json, and its keys merged into all_results.json; eval_results.json, likewise.
void write_train_results(const std::string& run_directory, const Json& results);
void write_eval_results(const std::string& run_directory, const Json& results);

/// Of the files that eval::write_prediction_files() writes for a run.
std::string prediction_prefix(const std::string& run_directory);

}  // namespace bertft::train
