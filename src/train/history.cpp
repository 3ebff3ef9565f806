#include "train/history.h"

#include <algorithm>
#include <cmath>

namespace bertft::train {
namespace {

Json finite_or_null(double value) {
  return std::isfinite(value) ? Json(value) : Json(nullptr);
}

}  // namespace

void add_log(RunState& state, const report::LogDue& log) {
  state.log_history.push_back({{"epoch", log.epoch},
                               {"grad_norm", finite_or_null(log.grad_norm)},
                               {"learning_rate", log.learning_rate},
                               {"loss", finite_or_null(log.loss)},
                               {"step", log.step}});
}

void add_evaluation(RunState& state, const eval::Metrics& metrics, double loss, double epoch) {
  Json entry = eval_results(metrics, loss, epoch);
  entry["step"] = state.step;
  state.log_history.push_back(std::move(entry));
}

Json train_results(const RunState& state, double epoch, const Work& work) {
  const auto steps = static_cast<double>(std::max<std::int64_t>(1, state.applied_steps));
  return {{"epoch", epoch},
          {"train_loss", finite_or_null(state.loss_total / steps)},
          {"train_runtime", work.runtime_s},
          {"train_samples_per_second", static_cast<double>(work.num_features) / work.runtime_s},
          {"train_steps_per_second", static_cast<double>(work.num_steps) / work.runtime_s}};
}

void add_train_results(RunState& state, Json results) {
  results["step"] = state.step;
  state.log_history.push_back(std::move(results));
}

Json eval_results(const eval::Metrics& metrics, double loss, double epoch) {
  Json results = metrics.to_json("eval_");
  if (!metrics.best) results["eval_exact_match"] = metrics.exact;
  results["eval_loss"] = finite_or_null(loss);
  results["epoch"] = epoch;
  return results;
}

Json eval_speed(double runtime_s, std::size_t num_windows, std::int64_t batch) {
  const auto windows = static_cast<double>(num_windows);
  return {{"eval_runtime", runtime_s},
          {"eval_samples", num_windows},
          {"eval_samples_per_second", windows / runtime_s},
          {"eval_steps_per_second", std::ceil(windows / static_cast<double>(batch)) / runtime_s}};
}

bool is_evaluated(const RunState& state) {
  return std::any_of(state.log_history.begin(), state.log_history.end(), [&](const Json& entry) {
    return entry.contains("eval_loss") && entry.value("step", std::int64_t{-1}) == state.step;
  });
}

}  // namespace bertft::train
