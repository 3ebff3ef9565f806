#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "bertft/checkpoint/checkpoints.h"
#include "bertft/device/named_tensor.h"
#include "bertft/report/rows.h"
#include "bertft/train/run_state.h"
#include "bertft/weights/model_directory.h"
#include "run/torch/job.h"

namespace bertft::run {

/// Where a run starts: at a checkpoint, or with the model that it was given.
struct Start {
  std::optional<checkpoint::Found> checkpoint;
  train::RunState state;
  std::vector<device::NamedTensor> moments;  // of the optimizer; read when training is about to begin
};

/// Finds it, as resume_from_checkpoint says; checks that a run which is to go on can, tells in what it will differ, and
/// turns on the savers that it had.
/// throws what reading the checkpoint throws; CheckpointError, ConfigError (it is of another run), OutputError
Start find_start(Job& job);

/// Whether there is nothing left to train, which is told.
bool is_finished(const Start& start, const Job& job);

/// The checkpoint's, or those that the run was given. throws as weights::read_weights
std::shared_ptr<const weights::ModelWeights> weights_of(const Start& start, const Inputs& in);

/// What the run would do from there.
report::Rows describe_from(const Start& start, const Job& job, const std::string& weights_line);

}  // namespace bertft::run
