#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "bertft/report/events.h"

namespace bertft::report {

/// What a person sees while the program works: on a terminal one status line redrawn at most ten times a second, with
/// log lines above it; elsewhere whole lines, one for each log event and at least one every 30 s. Rates and the time
/// left leave out the first steps.
std::unique_ptr<Observer> make_console();

/// metrics.jsonl in `run_directory`: one object a line, appended as it happens, so that a killed
/// run keeps its curve. Every line has "kind" and "step"; by kind it has further
///   log         epoch, learning_rate, grad_norm (before clipping) of this step, loss as mean since the last line
///   eval        epoch, metrics (the official keys and "loss"), num_features, is_best
///   checkpoint  name (of the directory)
///   checkpoint_failed  reason
///   finish      outcome
/// and "timing", which holds everything that differs between two runs with equal results:
///   elapsed_s, of this process, in every line
///   features_per_s, peak_memory_bytes (log, finish), runtime_s (eval, finish),
///   blocked_s (checkpoint; null where all is written before training goes on, or ends), num_features, of this
///   process (finish)
/// A number that is not finite or not known is null.
///
/// A resumed run first drops the lines of steps after `resumed_step`, "finish" lines and whatever
/// a killed process left half written; without `resumed_step` the file starts empty.
/// throws StorageError
std::unique_ptr<Observer> make_metrics_file(const std::string& run_directory, std::optional<std::int64_t> resumed_step);

}  // namespace bertft::report
