#include "bertft/run/trained_model.h"

#include <fmt/format.h>

#include <filesystem>
#include <utility>

#include "bertft/checkpoint/run_directory.h"
#include "bertft/run/notices.h"
#include "bertft/run/torch_library.h"
#include "bertft/train/run_state.h"
#include "bertft/util/error.h"
#include "bertft/util/file.h"
#include "bertft/util/log.h"

namespace bertft::run {
namespace {

// The one in force: the option's, or under `auto` the one stored with the model.
double threshold_for(const eval::EvalOptions& options, const std::string& model_directory) {
  if (options.null_score_diff_threshold) return *options.null_score_diff_threshold;
  if (const auto stored = train::read_f1_threshold(model_directory)) return *stored;
  throw ConfigError(
      fmt::format("null_score_diff_threshold is auto, but no tuned threshold can be read from {}/trainer_state.json.\n"
                  "Give a number: --set null_score_diff_threshold=0",
                  model_directory));
}

}  // namespace

TrainedModel load_trained_model(config::Sources sources, const std::string& given) {
  const std::string directory = resolve_model_directory(given);
  // The options stored with the model come first, so that lengths and thresholds are the trained ones.
  const std::string stored = (std::filesystem::path(directory) / checkpoint::kStoredConfig).string();
  if (is_there(stored)) sources.files.insert(sources.files.begin(), stored);
  config::Resolved resolved = resolve_and_tell(sources);
  const std::optional<bool> with_negative = resolved.options.data.version_2_with_negative;
  config::leave_with_training(resolved, stored);
  begin_to_open_torch_library(resolved.options.device.device);
  // Names in the stored options lead to the base model; this one brings its own files.
  ModelFiles files = load_model_files(resolved, {.model = directory, .config = directory, .tokenizer = directory});
  if (!files.tokenizer->remarks().empty()) {  // training shows them among its windows
    log::info(fmt::format("tokenizer {}", files.tokenizer->description()));
  }
  weights::ModelWeights weights = weights::read_weights(directory, files.config, weights::Head::kRequired);
  return {std::move(resolved), with_negative, std::move(files), std::move(weights)};
}

eval::Task make_task(const TrainedModel& trained, const data::Dataset& dataset, const data::Features& features,
                     bool with_negative) {
  const eval::EvalOptions& options = trained.resolved.options.eval;
  const double threshold = with_negative ? threshold_for(options, trained.files.directory) : 0.0;
  return {dataset, features, options, threshold, with_negative};
}

}  // namespace bertft::run
