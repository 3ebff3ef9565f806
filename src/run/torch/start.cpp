#include "run/torch/start.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>
#include <utility>

#include "bertft/checkpoint/run_directory.h"
#include "bertft/run/version.h"
#include "bertft/train/results.h"
#include "bertft/util/error.h"
#include "bertft/util/file.h"
#include "bertft/util/log.h"
#include "bertft/util/text.h"
#include "run/torch/resume_checks.h"
#include "run/torch/savers.h"

namespace bertft::run {
namespace {

namespace fs = std::filesystem;

constexpr const char* kNotToTheSameBits = "sums are rounded differently, so not to the same bits";

void refuse_to_begin_over_damaged(const std::string& output_dir) {
  const std::vector<checkpoint::Found> own = checkpoint::list_own_checkpoints(output_dir);
  if (own.empty()) return;
  try {
    checkpoint::verify(own.front().directory);
  } catch (const CheckpointError& e) {
    throw CheckpointError(fmt::format("none of the checkpoints in {} is whole.\n{}\n--overwrite trains anew.",
                                      output_dir, first_line(e.what())));
  }
}

// "auto" or a directory -> the checkpoint to go on from, verified; none: start afresh.
std::optional<checkpoint::Found> find_checkpoint(const train::TrainOptions& options) {
  if (!options.resume_from_checkpoint) return std::nullopt;
  if (*options.resume_from_checkpoint != "auto") {
    checkpoint::verify(*options.resume_from_checkpoint);
    // By its own name, beside which its run stands: not by that of a link, or as "." or "checkpoint-4/".
    const std::string directory = fs::canonical(*options.resume_from_checkpoint).string();
    const checkpoint::Found named{directory, train::read_run_state(directory).step};
    refuse_later_checkpoints(named, *options.output_dir);
    return named;
  }
  std::vector<std::string> skipped;
  auto found = checkpoint::newest_good(*options.output_dir, skipped);
  if (!found) refuse_to_begin_over_damaged(*options.output_dir);
  for (const std::string& line : skipped) log::warn(line);
  return found;
}

// A resumed run with another learning rate is neither the old run nor a new one: said, not refused.
// Savers are left out: keep_savers() has told of them.
void tell_changed_options(const config::Options& before, const Job& job) {
  std::vector<std::string> changed;
  for (const config::Difference& d : config::differences(before, job.options())) {
    if (!job.savers.contains(d.key)) changed.push_back(fmt::format("{} {} -> {}", d.key, d.was, d.is));
  }
  if (!changed.empty()) log::warn(fmt::format("resumed with other options than before: {}", fmt::join(changed, ", ")));
}

// Of the checkpoint itself: the configuration in the run directory may be a later one. It is only compared with, so
// one that this version of the program cannot read stops nobody.
std::optional<config::Options> stored_options(const std::string& checkpoint) {
  if (!is_there((fs::path(checkpoint) / checkpoint::kStoredConfig).string())) return std::nullopt;
  try {
    return options_in(checkpoint);
  } catch (const Error& e) {
    log::warn(fmt::format("whether options were changed is not known: {}", first_line(e.what())));
    return std::nullopt;
  }
}

// `token_budget`: as the checkpoint has it.
void tell_other_micro_batches(const config::Options& before, const Job& job,
                              const std::optional<std::int64_t>& token_budget) {
  const auto limit_of = [&](const train::TrainOptions& o) {
    const std::int64_t most = job.inputs.plan.largest_step();
    return std::pair(std::min(o.micro_batch_features.value_or(most), most), train::micro_batch_tokens(o, token_budget));
  };
  if (limit_of(before.train) == limit_of(job.options().train)) return;
  log::info(fmt::format("resume   in other micro-batches than before: {}", kNotToTheSameBits));
}

// Of a run that begins now.
train::RunState new_state(const Job& job) {
  train::RunState state;
  state.identity = identity_of(job.inputs);
  train::set_measure(state, job.options().train);
  if (job.inputs.validation_set) state.validation_sha256 = job.inputs.validation_set->sha256;
  state.device = job.means.device.description;
  state.program = fmt::format("{}, source {}", version_line(), source_revision());
  return state;
}

// What the rest of the run goes by is that of now; where it was another in `saved`, that is told.
void take_circumstances(const train::RunState& now, train::RunState& saved, const train::TrainOptions& options) {
  if (saved.best_step && saved.validation_sha256 && saved.validation_sha256 != now.validation_sha256) {
    log::warn("resumed with another validation_file than before: the best model so far is the best of that one");
  }
  saved.validation_sha256 = now.validation_sha256;
  if (const auto before = train::set_measure(saved, options)) {
    log::warn(
        fmt::format("resumed with another measure of the best model than before ({}; was {}): only evaluations "
                    "from here on count",
                    *saved.measure, *before));
  }
  if (saved.device && saved.device != now.device) {
    log::info(fmt::format("resume   on {}; until here on {}: {}", *now.device, *saved.device, kNotToTheSameBits));
  }
  saved.device = now.device;
  if (saved.program && saved.program != now.program) {
    log::info(
        fmt::format("resume   by {}; until here by {}: perhaps not to the same bits", *now.program, *saved.program));
  }
  saved.program = now.program;
}

}  // namespace

Start find_start(Job& job) {
  Start start{.checkpoint = find_checkpoint(job.options().train), .state = new_state(job), .moments = {}};
  if (!start.checkpoint) {
    check_beginning(job.inputs);
    const train::TrainOptions& o = job.options().train;
    if (o.resume_from_checkpoint && !train::has_results(*o.output_dir)) {
      log::info(fmt::format("resume   no checkpoint in {}; starting afresh", *o.output_dir));
    }
    return start;
  }
  const std::string& directory = start.checkpoint->directory;
  train::RunState saved = train::read_run_state(directory);
  train::check_same_run(saved.identity, start.state.identity, directory);
  check_going_on(directory, saved, job.inputs);
  take_circumstances(start.state, saved, job.options().train);
  start.state = std::move(saved);
  keep_savers(job, start.state.memory_savers);
  if (const auto before = stored_options(directory)) {
    tell_changed_options(*before, job);
    tell_other_micro_batches(*before, job, start.state.micro_batch_tokens);
  }
  return start;
}

bool is_finished(const Start& start, const Job& job) {
  const train::TrainOptions& o = job.options().train;
  if (!o.resume_from_checkpoint || !train::has_results(*o.output_dir)) return false;
  if (!start.checkpoint) {
    log::info(fmt::format("resume   {} is finished; --overwrite trains it anew", *o.output_dir));
    return true;
  }
  if (!train::is_over(start.state, job.inputs.plan, o)) return false;
  log::info(fmt::format("resume   {} is finished: {} of {} steps done{}", *o.output_dir, start.state.step,
                        job.inputs.plan.total_steps,
                        start.state.step < job.inputs.plan.total_steps ? ", stopped early" : ""));
  return true;
}

std::shared_ptr<const weights::ModelWeights> weights_of(const Start& start, const Inputs& in) {
  if (!start.checkpoint) return model_weights(in);
  return std::make_shared<weights::ModelWeights>(in.rows.read(start.checkpoint->directory, weights::Head::kRequired));
}

report::Rows describe_from(const Start& start, const Job& job, const std::string& weights_line) {
  if (!start.checkpoint) return describe(job, weights_line, start.state.micro_batch_tokens);
  const std::string& directory = start.checkpoint->directory;
  report::Rows rows = describe(job, fmt::format("{}: {}", fs::path(directory).filename().string(), weights_line),
                               start.state.micro_batch_tokens);
  rows.push_back(
      {"resume", fmt::format("{}: step {} of {}", directory, start.state.step, job.inputs.plan.total_steps)});
  return rows;
}

}  // namespace bertft::run
