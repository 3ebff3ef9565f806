#include "cli/trained_model.h"

#include <utility>

#include "bertft/report/observers.h"
#include "bertft/util/error.h"
#include "bertft/util/log.h"
#include "cli/exit_codes.h"
#include "cli/shortage.h"

namespace bertft::cli {
namespace {

// Does `work`; when memory runs out in it, the error says what would help.
template <class Work>
auto with_advice(const config::Options& options, const weights::EncoderConfig& encoder, const device::Device& device,
                 const memory::Budget& budget, Work work) {
  std::string shortage;
  try {
    return work();
  } catch (const std::exception& e) {
    const Failure failure = describe(e);
    if (failure.code != kOutOfMemory) throw;
    shortage = failure.message;
  }
  throw OutOfMemoryError(explain_shortage(options, encoder, device, budget, shortage));
}

}  // namespace

TrainedModel load_trained_model(config::Sources sources, const std::string& given) {
  const std::string directory = resolve_model_directory(given);
  config::Resolved resolved = resolve_for_model(std::move(sources), directory);
  // Names in the stored options lead to the base model; this one brings its own files.
  resolved.options.model.config_name.reset();
  resolved.options.model.tokenizer_name.reset();
  const config::Options& options = resolved.options;
  const device::Device device = device::select_device(options.device);
  const memory::Budget budget = limit_memory(options.memory, device);
  ModelFiles files = load_model_files(options, directory);
  model::QaModel model = with_advice(options, files.config, device, budget, [&] {
    const auto weights = weights::read_checkpoint(directory, files.config, weights::Head::kRequired);
    return model::QaModel(files.config, weights, options.model, device, /*seed=*/0);
  });
  return {std::move(resolved), device, budget, std::move(files), std::move(model)};
}

eval::Answers answer(TrainedModel& trained, const eval::Task& task) {
  const auto console = report::make_console();
  eval::Hooks hooks;
  hooks.progress = [&](std::int64_t done, std::int64_t total) { console->on(report::EvaluationProgress{done, total}); };
  hooks.shrunk = [&](const std::string& line, const auto&) { console->on(report::Notice{line}); };
  eval::Answers answers =
      with_advice(trained.resolved.options, trained.files.config, trained.device, trained.budget,
                  [&] { return std::move(*eval::predict(trained.model, trained.device, task, hooks)); });
  log::set_status_line("");
  return answers;
}

}  // namespace bertft::cli
