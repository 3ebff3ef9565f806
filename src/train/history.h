#pragma once

#include "bertft/eval/metric.h"
#include "bertft/report/events.h"
#include "bertft/train/run_state.h"

namespace bertft::train {

/// Adds an entry to `state`'s log_history, under Hugging Face's keys. What is not finite is null there: JSON has no
/// NaN, and a checkpoint that held one could not be read again.
void add_log(RunState& state, const report::LogDue& log);
void add_evaluation(RunState& state, const eval::Metrics& metrics, double loss, double epoch);

/// Whether the step that `state` is at has been evaluated; an evaluation is in the history only when it was finished.
bool is_evaluated(const RunState& state);

}  // namespace bertft::train
