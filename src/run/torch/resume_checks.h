#pragma once

#include <string>

#include "bertft/checkpoint/checkpoints.h"
#include "bertft/train/run_state.h"
#include "run/torch/job.h"

namespace bertft::run {

/// Steps done again beside the checkpoints of their first time would leave two runs in one directory, and the next
/// `--resume auto` with the older one. throws OutputError
void refuse_later_checkpoints(const checkpoint::Found& from, const std::string& output_dir);

/// Whether a run without a checkpoint may begin in output_dir: nothing may stand in its way there, unless the run is
/// over and has left its results alone. Tells of one that was to go on. throws OutputError, CheckpointError,
/// ConfigError
void check_beginning(const train::RunIdentity& identity, const Job& job);

/// Whether the run of `saved` may go on from its checkpoint, where there is anything left to do.
/// throws OutputError, CheckpointError (the model's files have changed)
void check_going_on(const std::string& checkpoint, const train::RunState& saved, const Job& job);

}  // namespace bertft::run
