#pragma once

#include <map>
#include <string>

#include "run/torch/job.h"

namespace bertft::run {

/// Warns where the checkpoints to come find no room on the disk: better said now than at the first save that fails.
void warn_of_full_disk(const Job& job);

/// Beside the weights in every model directory that the run writes: its files by name, with their content.
std::map<std::string, std::string> model_files(const Inputs& in);

/// What is known of the run before its first step, in its directory: the log, the options, what it runs on. Takes away
/// the results of an earlier one.
void write_beginnings(Job& job, const std::string& run_directory);

}  // namespace bertft::run
