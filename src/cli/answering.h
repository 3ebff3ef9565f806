#pragma once

#include <optional>
#include <string>

#include "bertft/eval/task.h"
#include "bertft/run/trained_model.h"

namespace bertft::cli {

/// The data to answer: `given` with --data, else what the option `key` names, `of_key`; none: neither does.
/// throws UsageError when the command line names both or the other command's, InputError when those of the option are
/// not there
std::optional<std::string> data_file(const std::string& given, const config::Resolved& resolved, const char* key,
                                     const std::optional<std::string>& of_key);

/// Makes a directory for results, before the work that leads to them. throws OutputError
void make_result_directory(const std::string& path);

/// What a model is to answer. Under `null_score_diff_threshold: auto` the threshold is the one stored with it.
/// throws ConfigError when none is
eval::Task make_task(const run::TrainedModel& trained, const data::Dataset& dataset, const data::Features& features,
                     bool with_negative);

}  // namespace bertft::cli
