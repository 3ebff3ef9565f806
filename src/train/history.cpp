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
  Json entry = metrics.to_json("eval_");
  entry["eval_loss"] = finite_or_null(loss);
  entry["epoch"] = epoch;
  entry["step"] = state.step;
  state.log_history.push_back(std::move(entry));
}

bool is_evaluated(const RunState& state) {
  return std::any_of(state.log_history.begin(), state.log_history.end(), [&](const Json& entry) {
    return entry.contains("eval_loss") && entry.value("step", std::int64_t{-1}) == state.step;
  });
}

}  // namespace bertft::train
