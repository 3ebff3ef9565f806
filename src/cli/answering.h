#pragma once

#include <string>

#include "bertft/eval/task.h"
#include "bertft/run/trained_model.h"

namespace bertft::cli {

/// The data that `key` names where none are given with --data. throws InputError when they are not there
std::string data_of_key(const config::Resolved& resolved, const char* key, const std::string& path);

/// Makes a directory for results, before the work that leads to them. throws OutputError
void make_result_directory(const std::string& path);

/// What a model is to answer. Under `null_score_diff_threshold: auto` the threshold is the one stored with it.
/// throws ConfigError when none is
eval::Task make_task(const run::TrainedModel& trained, const data::Dataset& dataset, const data::Features& features,
                     bool with_negative);

}  // namespace bertft::cli
