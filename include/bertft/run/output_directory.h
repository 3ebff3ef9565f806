#pragma once

#include <string>

#include "bertft/checkpoint/run_directory.h"
#include "bertft/config/config.h"

namespace bertft::run {

/// Whether output_dir can take the run, before anything is read. throws OutputError
void check_output_directory(const config::Options& options);

/// In a run's directory.
inline constexpr const char* kLogName = "train.log";

/// Removes what an earlier run has left beside its models that this one would not replace: its log and evaluation.
void remove_records(const std::string& run_directory);

/// Where a run is to go on in output_dir: ends what a process that was killed had begun there, to remove an earlier run
/// or to replace a checkpoint. throws OutputError, StorageError
void recover_output_directory(const train::TrainOptions& options);

/// What may become of an earlier run in output_dir.
checkpoint::Existing existing_policy(const train::TrainOptions& options);

}  // namespace bertft::run
