#include "train/torch/validation.h"

#include <fmt/format.h>

#include <chrono>
#include <utility>

#include "bertft/eval/metric.h"
#include "bertft/eval/predictor.h"
#include "bertft/train/signals.h"
#include "bertft/util/clock.h"
#include "bertft/util/error.h"
#include "bertft/util/text.h"
#include "train/best_model.h"
#include "train/history.h"
#include "train/torch/diverged.h"

namespace bertft::train {

Validation::Validation(const Setup& setup, RunState& state, std::function<bool()> reclaim)
    : s_(setup), state_(state), reclaim_(std::move(reclaim)) {}

bool Validation::is_due() const {
  if (s_.validation == nullptr) return false;
  const bool at_start = state_.step == 0 && s_.options.eval_on_start;
  const bool later =
      state_.step > 0 && (state_.step == s_.plan.total_steps ||
                          train::is_due(state_.step, s_.options.eval_strategy, s_.plan.eval_steps, s_.plan));
  return (at_start || later) && !is_evaluated(state_);  // last: that goes through the whole history
}

const Validation::Answered* Validation::answers_of(std::int64_t step) {
  if (!newest_ || newest_->step != step) {
    const auto started = std::chrono::steady_clock::now();
    std::optional<eval::Answers> answers = predict(step);
    if (!answers) return nullptr;
    newest_ = {step, *std::move(answers), seconds_since(started)};
  }
  return &*newest_;
}

std::optional<eval::Answers> Validation::predict(std::int64_t step) {
  eval::Hooks hooks;
  hooks.progress = [this](std::int64_t done, std::int64_t total) { s_.emit(report::EvaluationProgress{done, total}); };
  hooks.stop = [] { return SignalGuard::received().has_value(); };
  hooks.reclaim = reclaim_;
  hooks.batch_tokens = state_.eval_batch_tokens;
  std::optional<std::int64_t> limit = state_.eval_batch_tokens;
  hooks.shrunk = [&](const std::string& line, const std::optional<std::int64_t>& tokens_limit) {
    limit = tokens_limit;
    s_.emit(report::Notice{line});
  };
  try {
    std::optional<eval::Answers> answers = eval::predict(s_.model, s_.device, *s_.validation, hooks);
    state_.eval_batch_tokens = limit;  // of an evaluation that ends in a shortage nothing is kept
    return answers;
  } catch (const DivergedError& e) {
    throw DivergedError(fmt::format("{}\nThat was after step {}. {}", first_line(e.what()), step,
                                    diverged_advice(s_.device.precision)));
  }
}

void Validation::note(const Answered& answered) {
  const eval::Answers& answers = answered.answers;
  const eval::Metrics metrics = eval::score(*s_.validation, answers.predictions);
  Json json = metrics.to_json();
  json["loss"] = answers.loss;
  const double epoch = s_.plan.epoch_after(state_.step);
  add_evaluation(state_, metrics, answers.loss, epoch);
  bool is_best = false;
  if (state_.step > 0) {  // the untrained model is no candidate: a run's result is something it trained
    if (metrics.best) state_.f1_threshold = metrics.best->f1_threshold;
    is_best = is_better(json, s_.options, state_.best_metric);
    state_.evaluations_without_gain =
        is_gain(json, s_.options, state_.best_metric) ? 0 : state_.evaluations_without_gain + 1;
  }
  if (is_best) {
    state_.best_metric = metric_value(json, s_.options);
    state_.best_step = state_.step;
  }
  s_.emit(report::Evaluated{.step = state_.step,
                            .epoch = epoch,
                            .metrics = json,
                            .runtime_s = answered.runtime_s,
                            .num_features = static_cast<std::int64_t>(s_.validation->features.windows.size()),
                            .is_best = is_best});
}

}  // namespace bertft::train
