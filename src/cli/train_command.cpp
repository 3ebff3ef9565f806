#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <memory>

#include "bertft/checkpoint/run_directory.h"
#include "bertft/config/config.h"
#include "bertft/report/observers.h"
#include "bertft/train/signals.h"
#include "bertft/train/trainer.h"
#include "bertft/util/error.h"
#include "bertft/util/file.h"
#include "bertft/util/log.h"
#include "bertft/util/text.h"
#include "cli/commands.h"
#include "cli/exit_codes.h"
#include "cli/inputs.h"
#include "cli/memory_command.h"
#include "cli/option_flags.h"
#include "cli/out_of_memory.h"
#include "cli/version.h"

namespace bertft::cli {
namespace {

namespace fs = std::filesystem;
using checkpoint::Existing;

struct TrainFlags {
  bool dry_run = false, dump_config = false, plan_memory = false, probe_memory = false, json = false;
};

Existing existing_policy(const train::TrainOptions& options) {
  if (options.resume_from_checkpoint) return Existing::kContinue;
  return options.overwrite ? Existing::kOverwrite : Existing::kRefuse;
}

// These start one process per GPU; N copies training into one directory help nobody.
void refuse_several_processes() {
  for (const char* name : {"WORLD_SIZE", "SLURM_STEP_NUM_TASKS"}) {
    const char* value = std::getenv(name);
    if (value != nullptr && std::atoi(value) > 1) {
      throw UsageError(
          fmt::format("started as one of {} processes ({}); this program uses one GPU.\n"
                      "Start it once: drop torchrun, or use srun -n1.",
                      printable(value), name));
    }
  }
}

// A run writes its model into output_dir, and overwriting removes what an earlier run left there:
// not the model to start from.
void refuse_to_overwrite_model(const config::Options& options) {
  const fs::path output = fs::weakly_canonical(*options.train.output_dir);
  const fs::path model = fs::weakly_canonical(*options.model.model_name_or_path);
  if (std::mismatch(output.begin(), output.end(), model.begin(), model.end()).first != output.end()) return;
  throw OutputError(
      fmt::format("output_dir {} holds the model to start from, {}, which the run would replace.\n"
                  "Choose another with --output-dir DIR.",
                  *options.train.output_dir, *options.model.model_name_or_path));
}

void print(const Rows& rows) {
  for (const auto& [name, text] : rows) log::info(fmt::format("{:<10}{}", name, text));
}

// Steps done again beside the checkpoints of their first time would leave two runs in one
// directory, and the next `--resume auto` with the older one.
void refuse_later_checkpoints(const checkpoint::Found& from, const std::string& output_dir) {
  const std::vector<checkpoint::Found> there = checkpoint::list_checkpoints(output_dir);
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
    const checkpoint::Found named{*options.resume_from_checkpoint,
                                  train::read_run_state(*options.resume_from_checkpoint).step};
    refuse_later_checkpoints(named, *options.output_dir);
    return named;
  }
  std::vector<std::string> skipped;
  auto found = checkpoint::newest_good(*options.output_dir, skipped);
  for (const std::string& line : skipped) log::warn(line);
  if (!found) log::info(fmt::format("resume   no checkpoint in {}; starting afresh", *options.output_dir));
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
void tell_changed_options(const config::Options& before, const config::Options& now) {
  std::string changed;
  for (const config::Difference& d : config::differences(before, now)) {
    changed += fmt::format("{}{} {} -> {}", changed.empty() ? "" : ", ", d.key, d.was, d.is);
  }
  if (!changed.empty()) log::warn(fmt::format("resumed with other options than before: {}", changed));
}

std::map<std::string, std::string> small_files(const Inputs& in) {
  std::map<std::string, std::string> files;
  for (const std::string& name : weights::tokenizer_files(in.files.tokenizer_directory)) {
    files[name] = read_file((fs::path(in.files.tokenizer_directory) / name).string());
  }
  files["config.json"] = weights::question_answering_config_json(in.files.config);
  files["bert_finetune_config.yaml"] = kept_config(in.resolved);
  files["README.md"] = model_card();
  return files;
}

void write_environment(const std::string& run_directory) {
  const Json environment = {{"version", version_line()}, {"build", build_info()}};
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

// Of the checkpoint itself: the configuration in the run directory may be a later one.
std::optional<config::Options> stored_options(const std::string& checkpoint) {
  const std::string path = (fs::path(checkpoint) / "bert_finetune_config.yaml").string();
  if (!fs::exists(path)) return std::nullopt;
  return config::resolve({.files = {path}, .environment = {}, .command_line = {}}).options;
}

int train_all(Inputs& in) {
  const config::Options& o = in.options();
  const auto resume = find_resume(o.train);
  train::RunState state;
  state.identity = identity_of(in);
  std::vector<checkpoint::NamedTensor> moments;
  if (resume) {
    train::RunState saved = train::read_run_state(resume->directory);
    train::check_same_run(saved.identity, state.identity, resume->directory);
    state = std::move(saved);
    if (const auto before = stored_options(resume->directory)) {
      keep_savers(in, *before);
      tell_changed_options(*before, o);
    }
    moments = checkpoint::read_optimizer(resume->directory);
  }
  if (train::is_over(state, in.plan, o.train) && train::has_results(*o.train.output_dir)) {
    log::info(fmt::format("resume   {} is finished: {} of {} steps done", *o.train.output_dir, state.step,
                          in.plan.total_steps));
    return kOk;
  }
  const auto weights = weights::read_checkpoint(resume ? resume->directory : in.files.directory, in.files.config,
                                                resume ? weights::Head::kRequired : weights::Head::kMayBeMissing);
  if (o.memory.probe_memory == memory::ProbeMemory::kAuto && !state.micro_batch_tokens) {
    state.micro_batch_tokens = find_token_budget(in, weights);
  }
  model::QaModel model(in.files.config, weights, o.model, in.device, state.identity.seed);
  train::SignalGuard::stop_if_received();

  const checkpoint::RunDirectory directory(*o.train.output_dir, existing_policy(o.train));
  log::set_file((fs::path(directory.path()) / "train.log").string());
  if (!o.data.version_2_with_negative) {
    in.resolved.options.data.version_2_with_negative = in.with_negative;
    in.resolved.origins["version_2_with_negative"] = "recognised from the data";
  }
  write_file_atomically((fs::path(directory.path()) / "bert_finetune_config.yaml").string(), kept_config(in.resolved));
  write_environment(directory.path());

  const auto console = report::make_console();
  const auto metrics = report::make_metrics_file(directory.path(), state.step);
  std::optional<eval::Task> validation;
  if (in.validation_set) {
    validation.emplace(eval::Task{*in.validation_set, *in.validation_features, o.eval,
                                  o.eval.null_score_diff_threshold.value_or(0.0), in.with_negative});
  }
  Rows rows = describe(in, weights.summary());
  if (resume)
    rows.emplace_back("resume", fmt::format("{}: step {} of {}", resume->directory, state.step, in.plan.total_steps));
  const report::RunStarted started{.rows = rows,
                                   .total_steps = in.plan.total_steps,
                                   .first_step = state.step,
                                   .logging_steps = in.plan.logging_steps};
  console->on(started);
  metrics->on(started);
  const train::Setup setup{.options = o.train,
                           .optim = o.optim,
                           .plan = in.plan,
                           .features = in.train_features,
                           .validation = validation ? &*validation : nullptr,
                           .device = in.device,
                           .model = model,
                           .run_directory = directory.path(),
                           .model_files = small_files(in),
                           .observers = {console.get(), metrics.get()}};
  train::Trainer trainer(setup, std::move(state), moments);
  moments.clear();  // the optimizer has its own: a resumed run takes no more memory than the first
  const train::Outcome outcome = trainer.run();
  return outcome.kind == train::Outcome::Kind::kInterrupted ? code_of_signal(outcome.signal) : kOk;
}

std::optional<std::string> newest_checkpoint(const std::string& run_directory) {
  const auto found = checkpoint::list_checkpoints(run_directory);
  return found.empty() ? std::nullopt : std::optional(found.front().directory);
}

int train(const CLI::App& command, const TrainFlags& flags) {
  refuse_several_processes();
  config::Resolved resolved = resolve_and_tell(sources_of(command));
  if (flags.dump_config) {
    std::cout << config::to_yaml(resolved);
    return kOk;
  }
  if (flags.plan_memory) {
    print_memory_plan(resolved.options, flags.json);
    return kOk;
  }
  config::require_for_training(resolved);
  checkpoint::check_run_directory(*resolved.options.train.output_dir, existing_policy(resolved.options.train));
  refuse_to_overwrite_model(resolved.options);
  if (resolved.options.train.overwrite && resolved.options.train.resume_from_checkpoint) {
    log::warn("overwrite is not used: resuming goes on with the run that it would remove");
  }
  // A scheduler's signal gets its answer while a run loads, too.
  std::optional<train::SignalGuard> signals;
  if (!flags.dry_run && !flags.probe_memory) signals.emplace();
  Inputs in = read_inputs(std::move(resolved));
  try {
    if (!flags.dry_run && !flags.probe_memory) return train_all(in);
    const auto weights = weights::read_checkpoint(in.files.directory, in.files.config, weights::Head::kMayBeMissing);
    print(describe(in, weights.summary()));
    if (flags.probe_memory) {
      probe_memory(in, weights);
    } else {
      log::info("dry run: nothing was written");
    }
    return kOk;
  } catch (const std::exception& e) {
    const Failure failure = describe(e);
    if (failure.code != kOutOfMemory) throw;
    throw OutOfMemoryError(explain_shortage(in, failure.message, newest_checkpoint(*in.options().train.output_dir)));
  }
}

}  // namespace

void add_train_command(CLI::App& app, int& exit_code) {
  CLI::App* command = app.add_subcommand("train", "fine-tune a model (the default command)");
  auto flags = std::make_shared<TrainFlags>();
  add_option_flags(*command, {"Model", "Data", "Training", "Optimizer", "Evaluation", "Device", "Memory"});
  command->add_flag("--dry-run", flags->dry_run, "check everything, say what would happen, no more");
  command->add_flag("--dump-config", flags->dump_config, "print every option, value and origin as YAML");
  command->add_flag("--plan-memory", flags->plan_memory, "what fits, by an estimate; needs no device");
  command->add_flag("--probe-memory", flags->probe_memory, "what fits, by real steps on the device");
  command->add_flag("--json", flags->json, "with --plan-memory: one JSON object");
  command->callback([command, flags, &exit_code] { exit_code = train(*command, *flags); });
}

}  // namespace bertft::cli
