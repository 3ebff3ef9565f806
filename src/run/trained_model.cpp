#include "bertft/run/trained_model.h"

#include <filesystem>
#include <utility>

#include "bertft/checkpoint/run_directory.h"
#include "bertft/run/notices.h"
#include "bertft/run/torch_half.h"
#include "bertft/util/file.h"

namespace bertft::run {

TrainedModel load_trained_model(config::Sources sources, const std::string& given) {
  const std::string directory = resolve_model_directory(given);
  // The options stored with the model come first, so that lengths and thresholds are the trained ones.
  const std::string stored = (std::filesystem::path(directory) / checkpoint::kStoredConfig).string();
  if (is_there(stored)) sources.files.insert(sources.files.begin(), stored);
  config::Resolved resolved = resolve_and_tell(sources);
  const std::optional<bool> with_negative = resolved.options.data.version_2_with_negative;
  config::leave_with_training(resolved, stored);
  begin_to_open_torch_half(resolved.options.device.device);
  // Names in the stored options lead to the base model; this one brings its own files.
  resolved.options.model.config_name.reset();
  resolved.options.model.tokenizer_name.reset();
  ModelFiles files = load_model_files(resolved, directory);
  weights::ModelWeights weights = weights::read_weights(directory, files.config, weights::Head::kRequired);
  return {std::move(resolved), with_negative, std::move(files), std::move(weights)};
}

}  // namespace bertft::run
