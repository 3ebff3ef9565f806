#include "run/torch/run_files.h"

#include <fmt/format.h>

#include <cstdint>
#include <filesystem>

#include "bertft/checkpoint/checkpoints.h"
#include "bertft/checkpoint/run_directory.h"
#include "bertft/device/device.h"
#include "bertft/run/output_directory.h"
#include "bertft/run/version.h"
#include "bertft/train/results.h"
#include "bertft/util/file.h"
#include "bertft/util/json.h"
#include "bertft/util/log.h"
#include "bertft/util/text.h"

namespace bertft::run {
namespace {

namespace fs = std::filesystem;

// The configuration as it is kept: how this process was told to treat an older run is no part.
std::string kept_config(config::Resolved resolved) {
  resolved.options.train.overwrite = false;
  resolved.options.train.resume_from_checkpoint.reset();
  for (const char* key : {"overwrite", "resume_from_checkpoint"}) resolved.origins[key] = "default";
  return config::to_yaml(resolved);
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

void write_environment(const std::string& run_directory) {
  const Json environment = {{"version", version_line()}, {"build", build_info(device::library_versions())}};
  write_file_atomically((fs::path(run_directory) / "environment.json").string(), python_json(environment, 2) + "\n");
}

}  // namespace

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

std::map<std::string, std::string> model_files(const Inputs& in) {
  std::map<std::string, std::string> files = carried_tokenizer_files(in.files);
  files["config.json"] = weights::question_answering_config_json(in.files.config);
  files[checkpoint::kStoredConfig] = kept_config(in.resolved);
  files["README.md"] = model_card();
  return files;
}

void write_beginnings(Job& job, const std::string& run_directory) {
  log::set_file((fs::path(run_directory) / kLogName).string());
  train::withdraw_results(run_directory);
  if (!job.options().data.version_2_with_negative) {
    job.inputs.resolved.options.data.version_2_with_negative = job.inputs.with_negative;
    job.inputs.resolved.origins["version_2_with_negative"] = "recognised from the data";
  }
  write_file_atomically((fs::path(run_directory) / checkpoint::kStoredConfig).string(),
                        kept_config(job.inputs.resolved));
  write_environment(run_directory);
}

}  // namespace bertft::run
