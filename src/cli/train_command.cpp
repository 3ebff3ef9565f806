#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <memory>

#include "bertft/checkpoint/run_directory.h"
#include "bertft/checkpoint/store.h"
#include "bertft/config/config.h"
#include "bertft/train/signals.h"
#include "bertft/util/error.h"
#include "bertft/util/log.h"
#include "bertft/util/text.h"
#include "cli/commands.h"
#include "cli/exit_codes.h"
#include "cli/memory_command.h"
#include "cli/option_flags.h"
#include "cli/startup.h"
#include "cli/training_run.h"

namespace bertft::cli {
namespace {

namespace fs = std::filesystem;

struct TrainFlags {
  bool dry_run = false, dump_config = false, plan_memory = false, probe_memory = false, json = false;
  bool probe_for_parent = false;
};

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

// Better said now than at the first save that fails.
void warn_of_full_disk(const Inputs& in) {
  const std::string& directory = *in.options().train.output_dir;
  const memory::StepBytes bytes = memory::plan_step(step_shape(in), 1);
  const std::uint64_t of_one = bytes.weights + bytes.optimizer;
  const auto there = static_cast<std::int64_t>(checkpoint::list_checkpoints(directory).size());
  const std::int64_t to_come =
      train::most_checkpoints(in.plan, in.options().train, in.validation_set.has_value()) - there;
  const double needed = static_cast<double>(to_come) * static_cast<double>(of_one);
  const auto free = checkpoint::free_bytes(directory);
  if (!free || needed <= static_cast<double>(*free)) return;
  log::warn(fmt::format("{} has {} of disk left; {} checkpoints of {} do not fit. Make room, or lower save_total_limit",
                        directory, memory_text(*free), with_thousands(to_come), memory_text(of_one)));
}

int train(const CLI::App& command, const TrainFlags& flags) {
  if (flags.probe_for_parent) end_with_parent();
  note_startup("libraries, command line");
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
  note_startup("configuration");
  config::require_for_training(resolved);
  checkpoint::check_run_directory(*resolved.options.train.output_dir, existing_policy(resolved.options.train));
  refuse_to_overwrite_model(resolved.options);
  if (resolved.options.train.overwrite && resolved.options.train.resume_from_checkpoint) {
    log::warn("overwrite is not used: resuming goes on with the run that it would remove");
  }
  const bool trains = !flags.dry_run && !flags.probe_memory;
  std::optional<train::SignalGuard> signals;  // a scheduler's signal gets its answer while a run loads, too
  if (trains) signals.emplace();
  Inputs in = read_inputs(std::move(resolved));
  if (!flags.probe_memory) warn_of_full_disk(in);
  if (trains) return run_training(in);
  const auto weights = weights::read_checkpoint(in.files.directory, in.files.config, weights::Head::kMayBeMissing);
  const Rows resumed = flags.dry_run ? describe_resume(in) : Rows();  // first, since it may turn savers on
  Rows rows = describe(in, weights.summary(), std::nullopt);
  rows.insert(rows.end(), resumed.begin(), resumed.end());
  for (const auto& [name, text] : rows) log::info(fmt::format("{:<10}{}", name, text));
  if (flags.probe_memory) {
    probe_memory(in, weights, flags.probe_for_parent);
  } else {
    log::info("dry run: nothing was written");
  }
  return kOk;
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
  command->add_flag("--probe-for-parent", flags->probe_for_parent)->needs(probe)->group("");  // see memory_command.cpp
  command->callback([command, flags, &exit_code] { exit_code = train(*command, *flags); });
}

}  // namespace bertft::cli
