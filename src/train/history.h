#pragma once

#include "bertft/eval/metric.h"
#include "bertft/report/events.h"
#include "bertft/train/run_state.h"

namespace bertft::train {

/// Adds an entry to `state`'s log_history, under Hugging Face's keys. What is not finite is null there: JSON has no
/// NaN, and a checkpoint that held one could not be read again.
void add_log(RunState& state, const report::LogDue& log);
void add_evaluation(RunState& state, const eval::Metrics& metrics, double loss, double epoch);

/// What this process has done of the training that has ended.
struct Work {
  double runtime_s = 0;
  std::int64_t num_features = 0, num_steps = 0;
};
/// The closing figures under Trainer's keys: the loss over all steps, and how fast this process was.
Json train_results(const RunState& state, double epoch, const Work& work);

/// Adds them to the history, whose last entry they are.
void add_train_results(RunState& state, Json results);

/// The evaluation's figures under Trainer's keys; by SQuAD 1.1's rules, under the key of its metric too.
Json eval_results(const eval::Metrics& metrics, double loss, double epoch);

/// How fast it was, in windows and in batches of so many.
Json eval_speed(double runtime_s, std::size_t num_windows, std::int64_t batch);

/// Whether the step that `state` is at has been evaluated; an evaluation is in the history only when it was finished.
bool is_evaluated(const RunState& state);

}  // namespace bertft::train
