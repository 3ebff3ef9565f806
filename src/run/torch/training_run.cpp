#include "run/torch/training_run.h"

#include <ATen/Parallel.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "bertft/checkpoint/checkpoints.h"
#include "bertft/checkpoint/run_directory.h"
#include "bertft/checkpoint/store.h"
#include "bertft/device/device.h"
#include "bertft/report/observers.h"
#include "bertft/run/output_directory.h"
#include "bertft/run/startup.h"
#include "bertft/run/version.h"
#include "bertft/train/results.h"
#include "bertft/train/signals.h"
#include "bertft/train/trainer.h"
#include "bertft/util/error.h"
#include "bertft/util/file.h"
#include "bertft/util/json.h"
#include "bertft/util/log.h"
#include "bertft/util/text.h"
#include "run/torch/probe_memory.h"
#include "run/torch/savers.h"
#include "run/torch/shortage.h"

namespace bertft::run {
namespace {

namespace fs = std::filesystem;
using checkpoint::Existing;

// What somebody else put there is not replaced, and no save is to find that out.
void refuse_names_taken(const std::string& output_dir, std::int64_t done, std::int64_t total) {
  for (const checkpoint::Found& there : checkpoint::list_checkpoints(output_dir)) {
    if (there.step <= done || there.step > total || checkpoint::is_ours(there.directory)) continue;
    throw OutputError(
        fmt::format("{} is no checkpoint of this program, and may stand where the run will save one.\n"
                    "Move it away, or choose another with --output-dir DIR.",
                    there.directory));
  }
}

// Steps done again beside the checkpoints of their first time would leave two runs in one
// directory, and the next `--resume auto` with the older one.
void refuse_later_checkpoints(const checkpoint::Found& from, const std::string& output_dir) {
  const std::vector<checkpoint::Found> there = checkpoint::list_own_checkpoints(output_dir);
  if (there.empty() || there.front().step <= from.step) return;
  throw OutputError(
      fmt::format("{} holds {}, later than {}.\n"
                  "Move later checkpoints away, or choose another --output-dir DIR for the steps from {} on.",
                  output_dir, fs::path(there.front().directory).filename().string(), from.directory, from.step));
}

// "auto" or a directory -> the checkpoint to go on from, verified; none: start afresh.
std::optional<checkpoint::Found> find_resume(const train::TrainOptions& options) {
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
  for (const std::string& line : skipped) log::warn(line);
  return found;
}

// The configuration as it is kept: how this process was told to treat an older run is no part.
std::string kept_config(config::Resolved resolved) {
  resolved.options.train.overwrite = false;
  resolved.options.train.resume_from_checkpoint.reset();
  for (const char* key : {"overwrite", "resume_from_checkpoint"}) resolved.origins[key] = "default";
  return config::to_yaml(resolved);
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

// README.md of the models we write.
std::string model_card() {
  return fmt::format(
      "---\nlibrary_name: transformers\npipeline_tag: question-answering\n---\n"
      "Fine-tuned for extractive question answering by {}.\n"
      "The options of the run stand in `bert_finetune_config.yaml`.\n\n"
      "```python\nfrom transformers import AutoModelForQuestionAnswering, AutoTokenizer\n"
      "model = AutoModelForQuestionAnswering.from_pretrained(\"this directory\")\n"
      "tokenizer = AutoTokenizer.from_pretrained(\"this directory\")\n```\n",
      version_line());
}

std::map<std::string, std::string> small_files(const Inputs& in) {
  std::map<std::string, std::string> files;
  for (const std::string& name : weights::tokenizer_files(in.files.tokenizer_directory)) {
    files[name] = read_file((fs::path(in.files.tokenizer_directory) / name).string());
  }
  files["config.json"] = weights::question_answering_config_json(in.files.config);
  files[checkpoint::kStoredConfig] = kept_config(in.resolved);
  files["README.md"] = model_card();
  return files;
}

void write_environment(const std::string& run_directory) {
  const Json environment = {{"version", version_line()}, {"build", build_info(device::library_versions())}};
  write_file_atomically((fs::path(run_directory) / "environment.json").string(), python_json(environment, 2) + "\n");
}

train::RunIdentity identity_of(const Inputs& in) {
  const auto seed = static_cast<std::uint64_t>(in.options().train.seed);
  return {.data_sha256 = in.train_set.sha256,
          .num_features = in.plan.num_features,
          .effective_batch = in.plan.effective_batch,
          .total_steps = in.plan.total_steps,
          .seed = seed,
          .data_seed = static_cast<std::uint64_t>(in.options().train.data_seed.value_or(in.options().train.seed))};
}

// Of the checkpoint itself: the configuration in the run directory may be a later one. It is only compared with, so
// one that this version of the program cannot read stops nobody.
std::optional<config::Options> stored_options(const std::string& checkpoint) {
  const std::string path = (fs::path(checkpoint) / checkpoint::kStoredConfig).string();
  if (!is_there(path)) return std::nullopt;
  try {
    return config::resolve({.files = {path}, .environment = {}, .command_line = {}}).options;
  } catch (const Error& e) {
    log::warn(fmt::format("whether options were changed is not known: {}", first_line(e.what())));
    return std::nullopt;
  }
}

// Where a run starts: at a checkpoint, or with the model that it was given.
struct Start {
  std::optional<checkpoint::Found> checkpoint;
  train::RunState state;
  std::vector<device::NamedTensor> moments;  // of the optimizer; read when training is about to begin
};

// A run whose last checkpoint found no room has left its model alone, and may be done again; the files of another would
// be mixed with it.
void check_kept_model(const train::RunIdentity& identity, const std::string& output_dir) {
  const auto is_in = [&](const char* name) { return is_there((fs::path(output_dir) / name).string()); };
  if (!is_in("model.safetensors") || !is_in("trainer_state.json")) return;
  train::check_same_run(train::read_run_state(output_dir).identity, identity, output_dir);
}

// None where it cannot be read: damaged, it is passed over.
std::optional<train::RunIdentity> identity_in(const std::string& directory) {
  try {
    return train::read_run_state(directory).identity;
  } catch (const Error&) {
    return std::nullopt;
  }
}

// A checkpoint of elsewhere may go on where nothing stands yet, or its own run.
void refuse_other_run(const train::RunIdentity& identity, const std::string& output_dir) {
  std::vector<std::string> states = {output_dir};
  for (const checkpoint::Found& there : checkpoint::list_own_checkpoints(output_dir)) states.push_back(there.directory);
  try {
    for (const std::string& directory : states) {
      if (const auto saved = identity_in(directory)) train::check_same_run(*saved, identity, directory);
    }
  } catch (const Error& e) {
    throw OutputError(
        fmt::format("output_dir {} holds another run, whose files would be mixed with this one's:\n{}\n"
                    "Choose another with --output-dir DIR.",
                    output_dir, first_line(e.what())));
  }
}

// Weights and moments are the checkpoint's; a tokenizer or a dropout that has changed where the run began would go on
// as another run.
void check_model_files(const Inputs& in, const std::string& checkpoint) {
  std::vector<std::string> changed;
  // In any order of keys, and without what says how a file was written.
  const auto content_of = [](const weights::EncoderConfig& config) {
    nlohmann::json content = nlohmann::json::parse(weights::question_answering_config_json(config));
    for (const char* key : {"transformers_version", "_name_or_path"}) content.erase(key);
    return content;
  };
  if (content_of(weights::read_encoder_config(checkpoint)) != content_of(in.files.config)) {
    const std::string directory = in.options().model.config_name.value_or(in.files.directory);
    changed.push_back((fs::path(directory) / "config.json").string());
  }
  for (const char* name : weights::kTokenizerFiles) {
    const auto content = [](const std::string& path) {
      return is_there(path) ? std::optional(read_file(path)) : std::nullopt;
    };
    const std::string path = (fs::path(in.files.tokenizer_directory) / name).string();
    if (content((fs::path(checkpoint) / name).string()) != content(path)) changed.push_back(path);
  }
  if (changed.empty()) return;
  throw CheckpointError(
      fmt::format("{} was trained with another {}.\n"
                  "Put that back, or name a copy of the checkpoint's: --config-name DIR --tokenizer-name DIR.",
                  checkpoint, fmt::join(changed, ", ")));
}

// Whether the run of `saved` may go on from its checkpoint, where there is anything left to do.
void check_going_on(const std::string& checkpoint, const train::RunState& saved, const Job& job) {
  const train::TrainOptions& o = job.options().train;
  if (train::is_over(saved, job.plan, o)) return;
  refuse_names_taken(*o.output_dir, saved.step, job.plan.total_steps);
  check_model_files(job, checkpoint);
  if (*o.resume_from_checkpoint != "auto") refuse_other_run(saved.identity, *o.output_dir);
}

Start find_start(Job& job) {
  Start start{.checkpoint = find_resume(job.options().train), .state = {}, .moments = {}};
  start.state.identity = identity_of(job);
  train::set_measure(start.state, job.options().train);
  if (job.validation_set) start.state.validation_sha256 = job.validation_set->sha256;
  if (!job.device.is_cuda()) start.state.num_threads = at::get_num_threads();
  if (!start.checkpoint) {
    const std::string& output_dir = *job.options().train.output_dir;
    const bool resumes = job.options().train.resume_from_checkpoint.has_value();
    if (resumes && train::has_results(output_dir)) return start;
    refuse_names_taken(output_dir, 0, job.plan.total_steps);
    if (!resumes) return start;
    check_kept_model(start.state.identity, output_dir);
    log::info(fmt::format("resume   no checkpoint in {}; starting afresh", output_dir));
    return start;
  }
  const std::string& directory = start.checkpoint->directory;
  train::RunState saved = train::read_run_state(directory);
  train::check_same_run(saved.identity, start.state.identity, directory);
  check_going_on(directory, saved, job);
  if (saved.best_step && saved.validation_sha256 && saved.validation_sha256 != start.state.validation_sha256) {
    log::warn("resumed with another validation_file than before: the best model so far is the best of that one");
  }
  if (const auto before = train::set_measure(saved, job.options().train)) {
    log::warn(
        fmt::format("resumed with another measure of the best model than before ({}; was {}): only evaluations "
                    "from here on count",
                    *saved.measure, *before));
  }
  if (saved.num_threads && start.state.num_threads && saved.num_threads != start.state.num_threads) {
    log::info(fmt::format("resume   with {}, {} before: sums are rounded in another order, so not to the same bits",
                          counted(*start.state.num_threads, "thread"), *saved.num_threads));
  }
  saved.num_threads = start.state.num_threads;
  saved.validation_sha256 = start.state.validation_sha256;
  start.state = std::move(saved);
  keep_savers(job, start.state.memory_savers);
  if (const auto before = stored_options(directory)) tell_changed_options(*before, job);
  return start;
}

std::shared_ptr<const weights::ModelWeights> weights_of(const Start& start, const Inputs& in) {
  if (!start.checkpoint) return model_weights(in);
  return std::make_shared<weights::ModelWeights>(
      weights::read_weights(start.checkpoint->directory, in.files.config, weights::Head::kRequired));
}

report::Rows describe_from(const Start& start, const Job& job, const std::string& weights_line) {
  if (!start.checkpoint) return describe(job, weights_line, start.state.micro_batch_tokens);
  const std::string& directory = start.checkpoint->directory;
  report::Rows rows = describe(job, fmt::format("{}: {}", fs::path(directory).filename().string(), weights_line),
                               start.state.micro_batch_tokens);
  rows.push_back({"resume", fmt::format("{}: step {} of {}", directory, start.state.step, job.plan.total_steps)});
  return rows;
}

// What is known of the run before its first step.
void write_beginnings(Job& job, const std::string& run_directory) {
  log::set_file((fs::path(run_directory) / "train.log").string());
  train::withdraw_results(run_directory);
  if (!job.options().data.version_2_with_negative) {
    job.resolved.options.data.version_2_with_negative = job.with_negative;
    job.resolved.origins["version_2_with_negative"] = "recognised from the data";
  }
  write_file_atomically((fs::path(run_directory) / checkpoint::kStoredConfig).string(), kept_config(job.resolved));
  write_environment(run_directory);
}

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
  if (job.validation_set) {
    validation.emplace(eval::Task{*job.validation_set, *job.validation_features, o.eval,
                                  o.eval.null_score_diff_threshold.value_or(0.0), job.with_negative});
  }
  std::optional<std::int64_t> eval_interval;
  if (validation) {
    eval_interval =
        train::interval_of(o.train.eval_strategy, job.plan.eval_steps, job.plan).value_or(job.plan.total_steps);
  }
  const std::vector<report::Observer*> observers = {console.get(), metrics.get(), &first_step};
  const report::RunStarted started{.rows = describe_from(start, job, weights_line),
                                   .total_steps = job.plan.total_steps,
                                   .first_step = start.state.step,
                                   .eval_interval = eval_interval};
  for (report::Observer* observer : observers) observer->on(started);
  const train::Setup setup{.options = o.train,
                           .optim = o.optim,
                           .plan = job.plan,
                           .features = job.train_features,
                           .validation = validation ? &*validation : nullptr,
                           .device = job.device,
                           .model = model,
                           .run_directory = run_directory,
                           .resumed_from = start.checkpoint ? start.checkpoint->directory : "",
                           .model_files = small_files(job),
                           .observers = observers};
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

// Whether there is nothing left to train, which is told.
bool is_finished(const Start& start, const Job& job) {
  const train::TrainOptions& o = job.options().train;
  if (!o.resume_from_checkpoint || !train::has_results(*o.output_dir)) return false;
  if (!start.checkpoint) {
    log::info(fmt::format("resume   {} is finished; --overwrite trains it anew", *o.output_dir));
    return true;
  }
  if (!train::is_over(start.state, job.plan, o)) return false;
  log::info(fmt::format("resume   {} is finished: {} of {} steps done{}", *o.output_dir, start.state.step,
                        job.plan.total_steps, start.state.step < job.plan.total_steps ? ", stopped early" : ""));
  return true;
}

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

// The best checkpoint so far of a run that goes on in another directory than its own.
void bring_best_checkpoint(const Start& start, const std::string& output_dir) {
  if (!start.checkpoint || !start.state.best_step) return;
  const std::string old_directory = fs::path(start.checkpoint->directory).parent_path().string();
  const std::string best = checkpoint::directory_of(old_directory, *start.state.best_step);
  if (is_there(checkpoint::directory_of(output_dir, *start.state.best_step)) || !is_there(best)) return;
  checkpoint::copy_checkpoint(best, output_dir);
  log::info(fmt::format("resume   copied {}, the best so far, to {}", best, output_dir));
}

// returns the signal that ended it, if one did
std::optional<int> train_once(Job& job, Held& held) {
  const train::TrainOptions& o = job.options().train;
  if (!held.directory && o.resume_from_checkpoint && checkpoint::was_run_directory(*o.output_dir)) {
    held.directory.emplace(*o.output_dir, Existing::kContinue);
    checkpoint::restore_replaced(*o.output_dir);
  }
  Start start = find_start(job);
  if (is_finished(start, job)) return std::nullopt;
  if (start.checkpoint) start.moments = checkpoint::read_optimizer(start.checkpoint->directory);
  auto weights = weights_of(start, job);
  if (!held.directory) held.directory.emplace(*o.output_dir, existing_policy(o));
  settle_memory(start, job, *weights);
  model::QaModel model(job.files.config, *weights, job.options().model, job.device, start.state.identity.seed);
  note_startup("model");
  const std::string weights_line = weights->summary();
  weights.reset();  // the model has its own: the files, of which a resumed run's may be removed, need not stay mapped
  job.weights.reset();
  train::SignalGuard::stop_if_received();
  held.directory->remove_replaced_run();
  held.has_begun = true;
  write_beginnings(job, *o.output_dir);
  bring_best_checkpoint(start, *o.output_dir);
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
  const auto found = checkpoint::newest_good(*options.output_dir, damaged);
  const auto saved = found ? std::optional(found->directory) : std::nullopt;
  const bool can_go_on = held.has_begun && (saved || held.is_new);
  return {saved, can_go_on ? Beginning::kNewestCheckpoint : Beginning::kAsTold};
}

// That has to fit: a probe's windows are as long as windows can be, a run's no longer than its data make them, and then
// a lower max_seq_length is no remedy.
std::int64_t longest_window(const Job& job) {
  if (job.options().memory.probe_memory == memory::ProbeMemory::kAuto) return job.options().data.max_seq_length;
  return std::max(job.train_features.max_length(), job.validation_features ? job.validation_features->max_length() : 0);
}

}  // namespace

report::Rows describe_start(Job& job) {
  const Start start = find_start(job);  // first, since it may turn savers on
  return describe_from(start, job, weights_of(start, job)->summary());
}

std::optional<int> run_training(Job& job) {
  Held held{.is_new = !job.options().train.resume_from_checkpoint};
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
    if (!take_saver(job, std::string(first_line(*shortage)))) {
      throw OutOfMemoryError(explain_shortage(job, longest_window(job), *shortage, beginning, saved));
    }
    if (beginning == Beginning::kNewestCheckpoint) {
      job.resolved.options.train.resume_from_checkpoint = "auto";
      job.resumes_itself = true;
    }
  }
}

}  // namespace bertft::run
