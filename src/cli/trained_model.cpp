#include "cli/trained_model.h"

namespace bertft::cli {

TrainedModel load_trained_model(config::Sources sources, const std::string& given) {
  const std::string directory = resolve_model_directory(given);
  config::Resolved resolved = resolve_for_model(std::move(sources), directory);
  // Names in the stored options lead to the base model; this one brings its own files.
  resolved.options.model.config_name.reset();
  resolved.options.model.tokenizer_name.reset();
  const device::Device device = device::select_device(resolved.options.device);
  limit_memory(resolved.options.memory, device);
  ModelFiles files = load_model_files(resolved.options, directory);
  const auto weights = weights::read_checkpoint(directory, files.config, weights::Head::kRequired);
  model::QaModel model(files.config, weights, resolved.options.model, device, /*seed=*/0);
  return {std::move(resolved), device, std::move(files), std::move(model)};
}

}  // namespace bertft::cli
