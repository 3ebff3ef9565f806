#pragma once

#include <string>

#include "bertft/checkpoint/checkpoints.h"
#include "bertft/config/config.h"
#include "bertft/run/inputs.h"
#include "bertft/train/run_state.h"

namespace bertft::run {

/// Steps done again beside the checkpoints of their first time would leave two runs in one directory, and the next
/// `--resume auto` with the older one. throws OutputError
void refuse_later_checkpoints(const checkpoint::Found& from, const std::string& output_dir);

/// What a run of these inputs is known by.
train::RunIdentity identity_of(const Inputs& in);

/// Those that are kept with a checkpoint, or a model of ours. throws as config::resolve
config::Options options_in(const std::string& checkpoint);

/// Whether a run without a checkpoint may begin in output_dir: nothing may stand in its way there, unless the run is
/// over and has left its results alone. throws OutputError, CheckpointError, ConfigError
void check_beginning(const Inputs& in);

/// Whether the run of `saved` may go on from its checkpoint in output_dir, where no other run may stand, with these
/// inputs. throws OutputError, CheckpointError (the model's files have changed)
void check_going_on(const std::string& checkpoint, const train::RunState& saved, const Inputs& in);

}  // namespace bertft::run
