#include "cli/trained_model.h"

#include <utility>

#include "cli/torch_half.h"

namespace bertft::cli {

TrainedModel load_trained_model(config::Sources sources, const std::string& given) {
  const std::string directory = resolve_model_directory(given);
  auto [resolved, with_negative] = resolve_for_model(std::move(sources), directory);
  begin_to_open_torch_half(resolved.options.device.device);
  // Names in the stored options lead to the base model; this one brings its own files.
  resolved.options.model.config_name.reset();
  resolved.options.model.tokenizer_name.reset();
  ModelFiles files = load_model_files(resolved, directory);
  weights::ModelWeights weights = weights::read_weights(directory, files.config, weights::Head::kRequired);
  return {std::move(resolved), with_negative, std::move(files), std::move(weights)};
}

}  // namespace bertft::cli
