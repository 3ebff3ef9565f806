#pragma once

#include "cli/torch/job.h"

namespace bertft::cli {

/// Checks that a run which is to go on can, and tells from where; nothing when it starts afresh.
/// throws what reading the checkpoint throws; CheckpointError when it is of another run
Rows describe_resume(Job& job);

/// Trains: from the model's directory or a checkpoint to the files in output_dir. Where memory does
/// not suffice it takes the savers that memory_savers allows and goes on from what was saved.
/// returns the exit code
/// throws what its parts throw; OutOfMemoryError whose text says what would help
int run_training(Job& job);

}  // namespace bertft::cli
