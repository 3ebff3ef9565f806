#include "run/torch/train.h"

#include <fmt/format.h>

#include <utility>

#include "bertft/checkpoint/checkpoints.h"
#include "bertft/checkpoint/run_directory.h"
#include "bertft/util/log.h"
#include "bertft/util/text.h"
#include "run/torch/probe_memory.h"
#include "run/torch/training_run.h"

namespace bertft::run {
namespace {

// Better said now than at the first save that fails.
void warn_of_full_disk(const Job& job) {
  const std::string& directory = *job.options().train.output_dir;
  memory::StepShape shape = step_shape(job);
  const std::uint64_t moments = memory::plan_step(shape, 1).optimizer;
  shape.encoder = job.inputs.files.config;  // the model is written whole
  const std::uint64_t of_one = memory::plan_step(shape, 1).weights + moments;
  const auto there = static_cast<std::int64_t>(checkpoint::list_own_checkpoints(directory).size());
  const std::int64_t to_come =
      train::most_checkpoints(job.inputs.plan, job.options().train, job.inputs.validation_set.has_value()) - there;
  const double needed = static_cast<double>(to_come) * static_cast<double>(of_one);
  const auto free = checkpoint::free_bytes(directory);
  if (!free || needed <= static_cast<double>(*free)) return;
  const std::string advice = to_come == 1
                                 ? fmt::format("a checkpoint takes {}: make room", memory_text(of_one))
                                 : fmt::format("up to {} of {} each are to come: make room, or lower save_total_limit",
                                               counted(to_come, "checkpoint"), memory_text(of_one));
  log::warn(fmt::format("{} has {} of disk left, and {}", directory, memory_text(*free), advice));
}

void tell(const report::Rows& rows) {
  for (const std::string& line : report::two_columns(rows)) log::info(line);
}

}  // namespace

std::optional<int> carry_out(Inputs inputs, TrainMode mode, const Invocation& invocation) {
  Job job = make_job(std::move(inputs), invocation);
  switch (mode) {
    case TrainMode::kTrain:
      warn_of_full_disk(job);
      return run_training(job);
    case TrainMode::kDryRun:
      checkpoint::check_not_in_use(*job.options().train.output_dir);
      warn_of_full_disk(job);
      tell(describe_start(job));
      log::info("dry run: nothing was written");
      return std::nullopt;
    case TrainMode::kProbe: {
      const auto weights = model_weights(job.inputs);
      tell(describe(job, weights->summary(), std::nullopt));
      probe_memory(job, *weights);
      return std::nullopt;
    }
    case TrainMode::kProbeForParent:
      probe_for_parent(job, *model_weights(job.inputs));
      return std::nullopt;
  }
  return std::nullopt;
}

}  // namespace bertft::run
