#include "run/torch/shortage.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "bertft/memory/shortage.h"
#include "bertft/util/error.h"
#include "bertft/util/text.h"
#include "run/advice.h"
#include "run/torch/savers.h"

namespace bertft::run {
namespace {

// What the user can be told to turn on; `goes_on` from a checkpoint: with other windows it would be another run.
std::vector<memory::Saver> advisable_savers(const memory::StepShape& shape, const device::Device& device,
                                            bool goes_on) {
  std::vector<memory::Saver> savers = memory::savers_left(shape);
  std::erase_if(savers, [&](const memory::Saver& saver) {
    return !can_be_taken(device, saver) || (goes_on && saver.kind == memory::Saver::Kind::kShorterWindows);
  });
  return savers;
}

std::string needs_of(const memory::StepBytes& bytes, const memory::StepShape& shape) {
  const std::string head =
      fmt::format("needs: about {} for one feature of {} tokens", memory_text(bytes.tensors()), shape.length);
  if (shape.is_evaluation) {
    return fmt::format("{} in an evaluation:\n       weights {}, AdamW {}, workspace {}\n", head,
                       memory_text(bytes.weights), memory_text(bytes.optimizer), memory_text(bytes.workspace));
  }
  return fmt::format("{}: weights {}, gradients {},\n       AdamW {}, activations {}, workspace {}\n", head,
                     memory_text(bytes.weights), memory_text(bytes.gradients), memory_text(bytes.optimizer),
                     memory_text(bytes.activations), memory_text(bytes.workspace));
}

// All that does not differ between training and answering.
Situation situation_of(const Means& means, const config::Options& options, memory::StepShape shape,
                       Beginning beginning) {
  memory::release_cached(means.device);  // what we only keep for later is free
  return {.needs = {},
          .shape = std::move(shape),
          .savers = {},
          .options = options.memory,
          .budget = means.budget,
          .capacity = memory::capacity_of(means.device),
          .in_use = memory::use_of(means.device).now,
          .device = means.device.description,
          .command = [&means, beginning](const std::vector<std::string>& settings) {
            return means.invocation.command_to_go_on(settings, beginning);
          }};
}

}  // namespace

std::optional<std::string> shortage_text(const std::exception& error) {
  if (dynamic_cast<const OutOfMemoryError*>(&error) != nullptr) return error.what();
  const auto shortage = memory::shortage_of(error);
  if (!shortage) return std::nullopt;
  return fmt::format("out of memory: {}.", shortage->message);
}

std::optional<GivenUp> shortage_in(const std::function<void()>& work) {
  try {
    work();
    return std::nullopt;
  } catch (const std::exception& e) {
    const auto fact = shortage_text(e);
    if (!fact) throw;
    return GivenUp{*fact, dynamic_cast<const memory::EvaluationOutOfMemoryError*>(&e) != nullptr};
  }
}

std::string explain_shortage(const Job& job, const Longest& longest, const GivenUp& given_up, Beginning beginning,
                             const std::optional<std::string>& saved) {
  memory::StepShape step = step_shape(job);
  step.length = given_up.in_evaluation ? longest.trained : std::max(longest.trained, longest.evaluated);
  memory::StepShape shape = step;
  if (given_up.in_evaluation) {
    shape.is_evaluation = true;
    shape.length = longest.evaluated;
  }
  const memory::StepBytes bytes = memory::plan_least(shape), step_bytes = memory::plan_least(step);
  const bool is_step_larger = step_bytes.tensors() > bytes.tensors();  // a run needs room for both
  Situation situation = situation_of(job.means, job.options(), std::move(shape), beginning);
  const bool goes_on = saved || job.options().train.resume_from_checkpoint.value_or("auto") != "auto";
  situation.savers = advisable_savers(situation.shape, job.means.device, goes_on);
  situation.needed = std::max(bytes.tensors(), step_bytes.tensors());
  situation.needs = is_step_larger ? needs_of(step_bytes, step) : needs_of(bytes, situation.shape);
  return given_up.fact + "\n" + advice(situation) + (saved ? "\nsaved: " + *saved : "");
}

std::string explain_shortage(const TrainedModel& trained, const data::Features& features, const Means& means,
                             const std::string& fact) {
  const config::Options& o = trained.resolved.options;
  Situation situation =
      situation_of(means, o, memory::step_shape(trained.files.config, o.model, means.device, features.max_length()),
                   Beginning::kAsTold);
  const memory::StepBytes bytes = memory::plan_evaluation(situation.shape, 1);
  situation.needed = bytes.weights + bytes.workspace;
  situation.needs = fmt::format("needs: about {} for one window of {} tokens: weights {}, workspace {}\n",
                                memory_text(situation.needed), situation.shape.length, memory_text(bytes.weights),
                                memory_text(bytes.workspace));
  return fact + "\n" + advice(situation);
}

}  // namespace bertft::run
