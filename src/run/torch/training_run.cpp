#include "run/torch/training_run.h"

#include <fmt/format.h>

#include <filesystem>
#include <utility>
#include <vector>

#include "bertft/checkpoint/checkpoints.h"
#include "bertft/checkpoint/run_directory.h"
#include "bertft/checkpoint/store.h"
#include "bertft/report/observers.h"
#include "bertft/run/output_directory.h"
#include "bertft/run/startup.h"
#include "bertft/train/results.h"
#include "bertft/train/signals.h"
#include "bertft/train/trainer.h"
#include "bertft/util/error.h"
#include "bertft/util/file.h"
#include "bertft/util/log.h"
#include "bertft/util/text.h"
#include "run/torch/probe_memory.h"
#include "run/torch/resume_checks.h"
#include "run/torch/run_files.h"
#include "run/torch/savers.h"
#include "run/torch/shortage.h"
#include "run/torch/start.h"

namespace bertft::run {
namespace {

namespace fs = std::filesystem;

// The end of the start, for note_startup().
class FirstStep : public report::Observer {
 public:
  void on(const report::Evaluated&) override { note("first evaluation"); }
  void on(const report::StepFinished&) override {
    note("first step");
    is_done_ = true;
  }

 private:
  void note(std::string_view part) {
    if (!is_done_) note_startup(part);
  }
  bool is_done_ = false;
};

std::optional<int> train_from(Start start, const Job& job, model::QaModel& model, const std::string& weights_line,
                              const std::string& run_directory) {
  const config::Options& o = job.options();
  const auto console = report::make_console();
  const auto metrics =
      report::make_metrics_file(run_directory, start.checkpoint ? std::optional(start.state.step) : std::nullopt);
  FirstStep first_step;
  std::optional<eval::Task> validation;
  if (job.inputs.validation_set) {
    validation.emplace(eval::Task{*job.inputs.validation_set, *job.inputs.validation_features, o.eval,
                                  o.eval.null_score_diff_threshold.value_or(0.0), job.inputs.with_negative});
  }
  std::optional<std::int64_t> eval_interval;
  if (validation) {
    eval_interval = train::interval_of(o.train.eval_strategy, job.inputs.plan.eval_steps, job.inputs.plan)
                        .value_or(job.inputs.plan.total_steps);
  }
  const train::Setup setup{.options = o.train,
                           .optim = o.optim,
                           .plan = job.inputs.plan,
                           .dataset = job.inputs.train_set,
                           .features = job.inputs.train_features,
                           .validation = validation ? &*validation : nullptr,
                           .device = job.means.device,
                           .model = model,
                           .run_directory = run_directory,
                           .resumed_from = start.checkpoint ? start.checkpoint->directory : "",
                           .model_files = model_files(job.inputs),
                           .observers = {console.get(), metrics.get(), &first_step}};
  setup.emit(report::RunStarted{.rows = describe_from(start, job, weights_line),
                                .total_steps = job.inputs.plan.total_steps,
                                .first_step = start.state.step,
                                .eval_interval = eval_interval});
  note_startup("run directory");
  return train::train_model(setup, std::move(start.state), std::move(start.moments));
}

// Output_dir through all attempts of a run: locked from the first look at its checkpoints, or from when the
// inputs are accepted, to the end.
struct Held {
  bool is_new;  // not told to go on from a checkpoint
  std::optional<checkpoint::RunDirectory> directory = {};
  bool has_begun = false;  // what lies there is this run's
};

// The micro-batch and the savers that the run starts with.
void settle_memory(Start& start, Job& job, const weights::ModelWeights& weights) {
  // A run that goes on keeps its micro-batches: others would round its sums otherwise.
  if (job.options().memory.probe_memory == memory::ProbeMemory::kAuto && !start.checkpoint) {
    start.state.micro_batch_tokens = find_token_budget(job, weights);
  }
  std::vector<std::string> savers(job.savers.begin(), job.savers.end());
  if (start.checkpoint && savers != start.state.memory_savers) {  // micro-batches that were too large may fit again
    start.state.micro_batch_tokens.reset();
    start.state.eval_batch_tokens.reset();
  }
  start.state.memory_savers = std::move(savers);
}

// Where a run goes on in another directory than its own: what `--resume auto` goes on from there, and the best so far.
void bring_checkpoints(const Start& start, const Job& job) {
  if (!start.checkpoint) return;
  const train::TrainOptions& o = job.options().train;
  const auto lacks = [&](std::int64_t step) { return !is_there(checkpoint::directory_of(*o.output_dir, step)); };
  const auto bring = [&](const std::string& checkpoint, std::int64_t step, std::string_view what) {
    checkpoint::copy_checkpoint(checkpoint, checkpoint::directory_of(*o.output_dir, step));
    log::info(fmt::format("resume   copied {}, the {}, to {}", checkpoint, what, *o.output_dir));
  };
  const auto& [newest, step] = *start.checkpoint;
  if (lacks(step) && !train::is_over(start.state, job.inputs.plan, o)) bring(newest, step, "one to go on from");
  if (!start.state.best_step || !lacks(*start.state.best_step)) return;
  const std::string best = checkpoint::directory_of(fs::path(newest).parent_path().string(), *start.state.best_step);
  if (!is_there(best)) return;
  try {
    checkpoint::verify(best);
  } catch (const Error& e) {
    log::warn(fmt::format("{} The best checkpoint so far stays behind.", first_line(e.what())));
    return;
  }
  bring(best, *start.state.best_step, "best so far");
}

void hold(const train::TrainOptions& o, Held& held) {
  if (!held.directory) held.directory.emplace(*o.output_dir, existing_policy(o));
}

// Before its checkpoints are looked at.
void hold_earlier_run(const train::TrainOptions& o, Held& held) {
  if (o.resume_from_checkpoint && checkpoint::was_run_directory(*o.output_dir)) hold(o, held);
}

// What a process of its own finds that probes before the device is opened, where the options ask for that and the run
// is not to go on from a checkpoint.
std::optional<train::Probed> probe_first(Inputs& in, const Invocation& invocation, Held& held) {
  const train::TrainOptions& o = in.options().train;
  if (!probes_in_child(in.options())) return std::nullopt;
  hold_earlier_run(o, held);
  const bool goes_on =
      o.resume_from_checkpoint && (*o.resume_from_checkpoint != "auto" || train::has_results(*o.output_dir) ||
                                   !checkpoint::list_own_checkpoints(*o.output_dir).empty());
  if (goes_on) return std::nullopt;
  check_beginning(in);
  in.weights = model_weights(in);
  hold(o, held);
  try {
    return probe_in_child(in, invocation);
  } catch (const std::exception&) {
    held.directory->undo();
    throw;
  }
}

// returns the signal that ended it, if one did
std::optional<int> train_once(Job& job, Held& held) {
  const train::TrainOptions& o = job.options().train;
  hold_earlier_run(o, held);
  Start start = find_start(job);
  if (is_finished(start, job)) return std::nullopt;
  if (start.checkpoint) start.moments = checkpoint::read_optimizer(start.checkpoint->directory);
  auto weights = weights_of(start, job.inputs);
  hold(o, held);
  settle_memory(start, job, *weights);
  model::QaModel model(job.inputs.rows.config(), *weights, job.options().model, job.means.device,
                       start.state.identity.seed);
  note_startup("model");
  const std::string weights_line = weights->summary();
  weights.reset();  // the model has its own: the files, of which a resumed run's may be removed, need not stay mapped
  job.inputs.weights.reset();
  train::SignalGuard::stop_if_received();
  held.directory->remove_replaced_run([&] { remove_records(*o.output_dir); });
  held.has_begun = true;
  bring_checkpoints(start, job);
  write_beginnings(job, *o.output_dir);
  return train_from(std::move(start), job, model, weights_line, *o.output_dir);
}

// How a run that ran out of memory, or of disk, can go on.
struct Continuation {
  std::optional<std::string> saved;  // its newest checkpoint
  Beginning beginning;
};

Continuation continuation_of(const train::TrainOptions& options, const Held& held) {
  if (held.is_new && !held.has_begun) return {std::nullopt, Beginning::kAsTold};
  std::vector<std::string> damaged;
  std::optional<std::string> saved;
  try {
    if (const auto found = checkpoint::newest_good(*options.output_dir, damaged)) saved = found->directory;
  } catch (const Error& e) {  // which is not what ended the run
    log::debug(e.what());
  }
  const bool can_go_on = held.has_begun && (saved || held.is_new);
  return {saved, can_go_on ? Beginning::kNewestCheckpoint : Beginning::kAsTold};
}

// That have to fit: a probe's windows are as long as windows can be, a run's no longer than its data make them, and
// then a lower max_seq_length is no remedy.
Longest longest_windows(const Job& job) {
  const std::int64_t most = job.options().data.max_seq_length;
  if (job.options().memory.probe_memory == memory::ProbeMemory::kAuto) return {most, most};
  return {job.inputs.train_features.max_length(),
          job.inputs.validation_features ? job.inputs.validation_features->max_length() : 0};
}

}  // namespace

report::Rows describe_start(Job& job) {
  const Start start = find_start(job);  // first, since it may turn savers on
  return describe_from(start, job, weights_of(start, job.inputs)->summary());
}

std::optional<int> run_training(Inputs inputs, const Invocation& invocation) {
  Held held{.is_new = !inputs.options().train.resume_from_checkpoint};
  auto probed = probe_first(inputs, invocation, held);
  Job job = make_job(std::move(inputs), invocation, std::move(probed));
  warn_of_full_disk(job);
  while (true) {
    std::optional<int> signal;
    const auto shortage = shortage_in([&] {
      try {
        signal = train_once(job, held);
      } catch (const StorageError& e) {
        if (!held.has_begun) throw;
        const auto saved = continuation_of(job.options().train, held).saved;
        throw StorageError(
            saved
                ? fmt::format("{}\nOnce that is mended, --resume auto goes on from {}, which is whole.", e.what(),
                              *saved)
                : fmt::format("{}\nThere is no checkpoint to go on from: once that is mended, start again.", e.what()));
      }
    });
    if (!shortage) return signal;
    const auto [saved, beginning] = continuation_of(job.options().train, held);
    // Savers help a step alone.
    if (shortage->in_evaluation || !take_saver(job, std::string(first_line(shortage->fact)))) {
      throw OutOfMemoryError(explain_shortage(job, longest_windows(job), *shortage, beginning, saved));
    }
    if (beginning == Beginning::kNewestCheckpoint) job.inputs.resolved.options.train.resume_from_checkpoint = "auto";
  }
}

}  // namespace bertft::run
