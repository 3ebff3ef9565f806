#include "bertft/run/output_directory.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <optional>
#include <string>

#include "bertft/util/error.h"
#include "bertft/util/log.h"

namespace bertft::run {
namespace {

namespace fs = std::filesystem;

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

}  // namespace

void check_output_directory(const config::Options& options) {
  checkpoint::check_run_directory(*options.train.output_dir, existing_policy(options.train));
  refuse_to_replace_inputs(options);
  if (options.train.overwrite && options.train.resume_from_checkpoint) {
    log::warn("overwrite is not used: resuming goes on with the run that it would remove");
  }
}

checkpoint::Existing existing_policy(const train::TrainOptions& options) {
  if (options.resume_from_checkpoint) return checkpoint::Existing::kContinue;
  return options.overwrite ? checkpoint::Existing::kOverwrite : checkpoint::Existing::kRefuse;
}

}  // namespace bertft::run
