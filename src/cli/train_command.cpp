#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "bertft/config/config.h"
#include "bertft/run/inputs.h"
#include "bertft/run/memory_plan.h"
#include "bertft/run/notices.h"
#include "bertft/run/output_directory.h"
#include "bertft/run/startup.h"
#include "bertft/run/torch_library.h"
#include "bertft/train/signals.h"
#include "bertft/util/error.h"
#include "bertft/util/json.h"
#include "bertft/util/log.h"
#include "bertft/util/text.h"
#include "cli/command_files.h"
#include "cli/commands.h"
#include "cli/exit_codes.h"
#include "cli/option_flags.h"
#include "cli/own_command.h"
#include "cli/probe_child.h"

namespace bertft::cli {
namespace {

struct TrainFlags {
  bool dry_run = false, dump_config = false, plan_memory = false, probe_memory = false, json = false;
  std::optional<pid_t> probe_for_parent;

  run::TrainMode mode() const {
    if (dry_run) return run::TrainMode::kDryRun;
    if (probe_for_parent) return run::TrainMode::kProbeForParent;
    return probe_memory ? run::TrainMode::kProbe : run::TrainMode::kTrain;
  }
};

// torchrun and srun start one process per GPU; N copies training into one directory help nobody.
void refuse_several_processes() {
  for (const char* name : {"WORLD_SIZE", "OMPI_COMM_WORLD_SIZE", "SLURM_STEP_NUM_TASKS"}) {
    const char* value = std::getenv(name);
    if (value != nullptr && std::atoi(value) > 1) {
      throw UsageError(
          fmt::format("started as one of {} processes ({}); this program uses one GPU.\n"
                      "Start it once: drop torchrun, or use srun -n1.",
                      printable(value), name));
    }
  }
}

// What of the command line the commands that answer go by, too, but for the data.
std::string flags_for_answering(const std::vector<config::Override>& command_line, std::string_view command) {
  std::set<std::string_view> left_out(kTrainingData);
  left_out.insert({"validation_file", "test_file"});  // which --data names
  if (command == "predict") left_out.insert(kLabelling);
  std::string text;
  for (const config::OptionInfo& option : config::list_options()) {
    if (std::ranges::count(kAnsweringGroups, option.group) == 0 || left_out.contains(option.key)) continue;
    for (const config::Override& given : command_line) {
      if (given.key == option.key || std::ranges::count(option.aliases, given.key) > 0)
        text += fmt::format(" {} {}", config::flag_of(given.key), quoted(given.value));
    }
  }
  return text;
}

void refuse_another_job(const config::Resolved& resolved, const config::Sources& sources) {
  const auto other = config::other_job(resolved);
  if (!other) return;
  const config::Options& o = resolved.options;
  const auto& data = other->command == "eval" ? o.data.validation_file : o.data.test_file;
  std::string command =
      fmt::format("bert-finetune {} {} --data {}", other->command,
                  quoted(o.model.model_name_or_path.value_or("MODEL_DIR")), quoted(data.value_or("FILE")));
  for (const std::string& file : sources.files) command += " --config " + quoted(file);
  command += flags_for_answering(sources.command_line, other->command);
  if (const auto& directory = o.train.output_dir) {
    command += (other->command == "eval" ? " --save-predictions " : " --save-to ") + quoted(*directory);
  }
  throw UsageError(
      fmt::format("{} asks for no training.\n"
                  "What else run_qa does are commands here, which take its options on data and evaluation too:\n{}",
                  other->wish, command));
}

int run_train_command(const CLI::App& command, const TrainFlags& flags) {
  std::optional<log::Level> level;
  if (flags.probe_for_parent) {
    end_with_parent(*flags.probe_for_parent);
    level = log::set_level(log::Level::kError);  // of its inputs the parent has told
  }
  const config::Sources sources = sources_of(command);
  config::Resolved resolved = config::resolve(sources);
  refuse_another_job(resolved, sources);
  run::tell_notices(resolved);
  if (flags.dump_config) {
    std::cout << config::to_yaml(resolved);
    return kOk;
  }
  if (flags.plan_memory) {
    const memory::PlanReport report = run::plan_memory(std::move(resolved));
    std::cout << (flags.json ? python_json(report.to_json(), 2) + "\n" : report.to_text()) << std::flush;
    return kOk;
  }
  refuse_several_processes();
  run::note_startup("command line, options");
  config::require_for_training(resolved);
  // A probe leaves what a run has left there as it is.
  if (flags.mode() == run::TrainMode::kProbe) {
    checkpoint::check_run_directory(*resolved.options.train.output_dir, checkpoint::Existing::kContinue);
  } else {
    run::check_output_directory(resolved.options);
  }
  run::begin_to_open_torch_library(resolved.options.device.device);
  std::optional<train::SignalGuard> signals;  // a scheduler's signal gets its answer while a run loads, too
  if (flags.mode() == run::TrainMode::kTrain) {
    signals.emplace();
    run::recover_output_directory(resolved.options.train);
  }
  run::Inputs inputs = run::read_inputs(std::move(resolved));
  if (level) log::set_level(*level);
  train::SignalGuard::stop_if_received();
  const auto signal = run::torch_library().train(std::move(inputs), flags.mode(), own_command());
  return signal ? code_of_signal(*signal) : kOk;
}

}  // namespace

void add_train_command(CLI::App& app, int& exit_code) {
  CLI::App* command = app.add_subcommand("train", "fine-tune a model (the default command)");
  auto flags = std::make_shared<TrainFlags>();
  add_option_flags(*command);
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
  command->add_option("--probe-for-parent", flags->probe_for_parent)->needs(probe)->group("");  // see probe_child.h
  command->callback([command, flags, &exit_code] { exit_code = run_train_command(*command, *flags); });
}

}  // namespace bertft::cli
