#pragma once

#include <string>
#include <vector>

#include "bertft/data/dataset.h"
#include "bertft/eval/decode.h"
#include "bertft/eval/metric.h"

namespace bertft::eval {

/// Writes <prefix>predictions.json, <prefix>nbest_predictions.json and, with_negative, <prefix>null_odds.json, byte for
/// byte as run_qa.py prints the same values. `prefix`: of the paths, such as "run/eval_". predictions[i] belongs to
/// dataset.questions[i]. Earlier ones stay, all of them, until these are complete.
/// throws StorageError
void write_prediction_files(const std::string& prefix, const data::Dataset& dataset,
                            const std::vector<Prediction>& predictions, bool with_negative);

/// The three paths.
std::vector<std::string> prediction_files(const std::string& prefix);

/// Removes such files, where they are.
void remove_prediction_files(const std::string& prefix);

/// predictions.json and null_odds.json. throws InputError, DataError
Predictions read_predictions(const std::string& path);
NullOdds read_null_odds(const std::string& path);

}  // namespace bertft::eval
