#include "run/torch/answer.h"

#include <chrono>
#include <utility>

#include "bertft/device/device.h"
#include "bertft/eval/predictor.h"
#include "bertft/memory/budget.h"
#include "bertft/model/qa_model.h"
#include "bertft/report/observers.h"
#include "bertft/util/clock.h"
#include "bertft/util/error.h"
#include "bertft/util/log.h"
#include "run/torch/means.h"
#include "run/torch/shortage.h"

namespace bertft::run {
namespace {

AnswerRun load_and_answer(const TrainedModel& trained, const device::Device& device, const eval::Task& task,
                          const std::function<void()>& when_ready) {
  model::QaModel model(trained.files.config, trained.weights, trained.resolved.options.model, device, /*seed=*/0);
  when_ready();
  const auto console = report::make_console();
  eval::Hooks hooks;
  hooks.progress = [&](std::int64_t done, std::int64_t total) { console->on(report::EvaluationProgress{done, total}); };
  hooks.shrunk = [&](const std::string& line, const auto&) { console->on(report::Notice{line}); };
  const auto start = std::chrono::steady_clock::now();
  eval::Answers answers = std::move(*eval::predict(model, device, task, hooks));
  log::set_status_line("");
  return {std::move(answers), device.description, seconds_since(start), memory::peak_memory_bytes(device)};
}

}  // namespace

AnswerRun answer(const TrainedModel& trained, const eval::Task& task, const Invocation& invocation,
                 const std::function<void()>& when_ready) {
  const Means means = find_means(trained.resolved.options, invocation);
  AnswerRun run;
  const auto shortage = shortage_in([&] { run = load_and_answer(trained, means.device, task, when_ready); });
  if (shortage) throw OutOfMemoryError(explain_shortage(trained, task.features, means, shortage->fact));
  return run;
}

}  // namespace bertft::run
