#include "bertft/run/output_directory.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <optional>
#include <string>

#include "bertft/checkpoint/checkpoints.h"
#include "bertft/train/results.h"
#include "bertft/util/error.h"
#include "bertft/util/log.h"

namespace bertft::run {
namespace {

namespace fs = std::filesystem;

// A run writes its model into output_dir, and overwriting removes the checkpoints that an earlier run left there:
// not what this one is to read. What has other names is left alone.
void refuse_to_replace_inputs(const config::Options& options) {
  const fs::path output = fs::weakly_canonical(*options.train.output_dir);
  const auto refuse = [&](const char* key, const std::optional<std::string>& input) {
    if (!input) return;
    std::error_code unknown;  // reading it will say what is wrong with it
    const fs::path path = fs::weakly_canonical(*input, unknown);
    const auto [rest_of_output, rest] = std::mismatch(output.begin(), output.end(), path.begin(), path.end());
    if (unknown || rest_of_output != output.end()) return;
    const bool is_replaced = rest == path.end() || rest->empty() || checkpoint::step_of(rest->string());
    if (!is_replaced) return;
    throw OutputError(
        fmt::format("output_dir {} holds {} {}, which the run would replace.\nChoose another with --output-dir DIR.",
                    *options.train.output_dir, key, *input));
  };
  refuse("model_name_or_path", options.model.model_name_or_path);
  refuse("tokenizer_name", options.model.tokenizer_name);
  refuse("config_name", options.model.config_name);
  if (!options.train.overwrite) return;
  refuse("train_file", options.data.train_file);
  refuse("validation_file", options.data.validation_file);
}

}  // namespace

void check_output_directory(const config::Options& options) {
  checkpoint::check_run_directory(*options.train.output_dir, existing_policy(options.train));
  refuse_to_replace_inputs(options);
  if (options.train.overwrite && options.train.resume_from_checkpoint) {
    log::warn("overwrite is not used: resuming goes on with the run that it would remove");
  }
}

void remove_records(const std::string& run_directory) {
  train::withdraw_evaluation(run_directory);
  fs::remove(fs::path(run_directory) / kLogName);
}

void recover_output_directory(const train::TrainOptions& options) {
  const std::string& directory = *options.output_dir;
  if (!options.resume_from_checkpoint || !checkpoint::was_run_directory(directory)) return;
  checkpoint::RunDirectory held(directory, checkpoint::Existing::kContinue);
  held.remove_replaced_run([&] { remove_records(directory); });
  checkpoint::restore_replaced(directory);
}

checkpoint::Existing existing_policy(const train::TrainOptions& options) {
  if (options.resume_from_checkpoint) return checkpoint::Existing::kContinue;
  return options.overwrite ? checkpoint::Existing::kOverwrite : checkpoint::Existing::kRefuse;
}

}  // namespace bertft::run
