#include <fmt/format.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <memory>
#include <optional>

#include "bertft/checkpoint/run_directory.h"
#include "bertft/config/config.h"
#include "bertft/train/signals.h"
#include "bertft/util/error.h"
#include "bertft/util/log.h"
#include "bertft/util/text.h"
#include "cli/commands.h"
#include "cli/exit_codes.h"
#include "cli/memory_plan.h"
#include "cli/option_flags.h"
#include "cli/startup.h"
#include "cli/torch_half.h"

namespace bertft::cli {
namespace {

namespace fs = std::filesystem;

struct TrainFlags {
  bool dry_run = false, dump_config = false, plan_memory = false, probe_memory = false, json = false;
  std::optional<pid_t> probe_for_parent;

  TrainMode mode() const {
    if (dry_run) return TrainMode::kDryRun;
    if (probe_for_parent) return TrainMode::kProbeForParent;
    return probe_memory ? TrainMode::kProbe : TrainMode::kTrain;
  }
};

// torchrun and srun start one process per GPU; N copies training into one directory help nobody.
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

void refuse_another_job(const config::Resolved& resolved) {
  if (const auto other = config::other_job(resolved)) {
    throw UsageError(
        fmt::format("{} asks for no training.\n"
                    "What else run_qa does are commands here: bert-finetune {} MODEL_DIR --data FILE",
                    other->wish, other->command));
  }
}

// A run writes its model into output_dir, and overwriting removes what an earlier run left there:
// not what this one is to read. Files of other names at the top are left alone.
void refuse_to_replace_inputs(const config::Options& options) {
  const fs::path output = fs::weakly_canonical(*options.train.output_dir);
  const auto refuse = [&](const char* key, const std::optional<std::string>& input, bool may_stand_at_the_top) {
    if (!input) return;
    std::error_code unknown;  // reading it will say what is wrong with it
    const fs::path path = fs::weakly_canonical(*input, unknown);
    const bool is_inside = std::mismatch(output.begin(), output.end(), path.begin(), path.end()).first == output.end();
    if (unknown || !is_inside || (may_stand_at_the_top && path.parent_path() == output)) return;
    throw OutputError(
        fmt::format("output_dir {} holds {} {}, which the run would replace.\nChoose another with --output-dir DIR.",
                    *options.train.output_dir, key, *input));
  };
  refuse("model_name_or_path", options.model.model_name_or_path, false);
  refuse("tokenizer_name", options.model.tokenizer_name, false);
  refuse("config_name", options.model.config_name, false);
  if (!options.train.overwrite) return;
  refuse("train_file", options.data.train_file, true);
  refuse("validation_file", options.data.validation_file, true);
}

// For a process whose result only its parent waits for: it is killed with it, also when the parent is gone already.
void end_with_parent(pid_t parent) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) raise(SIGKILL);
}

int run_train_command(const CLI::App& command, const TrainFlags& flags) {
  if (flags.probe_for_parent) end_with_parent(*flags.probe_for_parent);
  refuse_several_processes();
  config::Resolved resolved = config::resolve(sources_of(command));
  refuse_another_job(resolved);
  tell_notices(resolved);
  if (flags.dump_config) {
    std::cout << config::to_yaml(resolved);
    return kOk;
  }
  if (flags.plan_memory) {
    print_memory_plan(std::move(resolved), flags.json);
    return kOk;
  }
  note_startup("command line, options");
  config::require_for_training(resolved);
  checkpoint::check_run_directory(*resolved.options.train.output_dir, existing_policy(resolved.options.train));
  refuse_to_replace_inputs(resolved.options);
  if (resolved.options.train.overwrite && resolved.options.train.resume_from_checkpoint) {
    log::warn("overwrite is not used: resuming goes on with the run that it would remove");
  }
  begin_to_open_torch_half(resolved.options.device.device);
  std::optional<train::SignalGuard> signals;  // a scheduler's signal gets its answer while a run loads, too
  if (flags.mode() == TrainMode::kTrain) signals.emplace();
  Inputs inputs = read_inputs(std::move(resolved));
  train::SignalGuard::stop_if_received();
  return torch_half().train(std::move(inputs), flags.mode());
}

}  // namespace

void add_train_command(CLI::App& app, int& exit_code) {
  CLI::App* command = app.add_subcommand("train", "fine-tune a model (the default command)");
  auto flags = std::make_shared<TrainFlags>();
  add_option_flags(*command,
                   {"Model", "Data", "Training", "Optimizer", "Evaluation", "Device", "Memory", "Fitting into memory"});
  CLI::Option* dry_run =
      command->add_flag("--dry-run", flags->dry_run, "check everything, say what would happen, no more");
  CLI::Option* dump =
      command->add_flag("--dump-config", flags->dump_config, "print every option, value and origin as YAML")
          ->excludes(dry_run);
  CLI::Option* plan =
      command->add_flag("--plan-memory", flags->plan_memory, "what fits, by an estimate; needs no device")
          ->excludes(dry_run)
          ->excludes(dump);
  CLI::Option* probe =
      command->add_flag("--probe-memory", flags->probe_memory, "what fits, by real steps on the device")
          ->excludes(dry_run)
          ->excludes(dump)
          ->excludes(plan);
  command->add_flag("--json", flags->json, "with --plan-memory: one JSON object")->needs(plan);
  command->add_option("--probe-for-parent", flags->probe_for_parent)
      ->needs(probe)
      ->group("");  // see torch/probe_memory.cpp
  command->callback([command, flags, &exit_code] { exit_code = run_train_command(*command, *flags); });
}

}  // namespace bertft::cli
