#pragma once

#include <cstdint>
#include <string>

#include "bertft/checkpoint/checkpoints.h"
#include "bertft/train/run_state.h"
#include "run/torch/job.h"

namespace bertft::run {

/// What somebody else put where a run of `total` steps, `done` of them behind it, will save is not replaced, and no
/// save is to find that out. throws OutputError
void refuse_names_taken(const std::string& output_dir, std::int64_t done, std::int64_t total);

/// Steps done again beside the checkpoints of their first time would leave two runs in one directory, and the next
/// `--resume auto` with the older one. throws OutputError
void refuse_later_checkpoints(const checkpoint::Found& from, const std::string& output_dir);

/// A run whose last checkpoint found no room has left its model alone in output_dir, and may be done again; the files
/// of another would be mixed with it. throws CheckpointError, ConfigError
void check_kept_model(const train::RunIdentity& identity, const std::string& output_dir);

/// Whether the run of `saved` may go on from its checkpoint, where there is anything left to do.
/// throws OutputError, CheckpointError (the model's files have changed)
void check_going_on(const std::string& checkpoint, const train::RunState& saved, const Job& job);

}  // namespace bertft::run
