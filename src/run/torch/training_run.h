#pragma once

#include <optional>

#include "run/torch/job.h"

namespace bertft::run {

/// What run_training() would do, and from where; checks that a run which is to go on can.
/// throws what reading the checkpoint throws; CheckpointError when it is of another run
report::Rows describe_start(Job& job);

/// Trains: from the model's directory or a checkpoint to the files in output_dir. Where memory does
/// not suffice it takes the savers that memory_savers allows and goes on from what was saved.
/// returns the signal that stopped it, if one did, once all was saved
/// throws what its parts throw; OutOfMemoryError whose text says what would help
std::optional<int> run_training(Inputs inputs, const Invocation& invocation);

}  // namespace bertft::run
