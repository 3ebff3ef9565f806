#include "run/torch/train.h"

#include <fmt/format.h>

#include <utility>

#include "bertft/checkpoint/run_directory.h"
#include "bertft/util/log.h"
#include "run/torch/probe_memory.h"
#include "run/torch/run_files.h"
#include "run/torch/training_run.h"

namespace bertft::run {
namespace {

void tell(const report::Rows& rows) {
  for (const std::string& line : report::two_columns(rows)) log::info(line);
}

}  // namespace

std::optional<int> carry_out(Inputs inputs, TrainMode mode, const Invocation& invocation) {
  if (mode != TrainMode::kProbeForParent) tell_misgivings(inputs);
  if (mode == TrainMode::kTrain) return run_training(std::move(inputs), invocation);
  Job job = make_job(std::move(inputs), invocation);
  if (mode == TrainMode::kDryRun) {
    checkpoint::check_not_in_use(*job.options().train.output_dir);
    warn_of_full_disk(job);
    tell(describe_start(job));
    log::info("dry run: nothing was written");
    return std::nullopt;
  }
  const auto weights = model_weights(job.inputs);
  if (mode == TrainMode::kProbeForParent) {
    probe_for_parent(job, *weights);
  } else {
    tell(describe(job, weights->summary(), std::nullopt));
    probe_memory(job, *weights);
  }
  return std::nullopt;
}

}  // namespace bertft::run
