#pragma once

#include <memory>
#include <string>

#include "bertft/report/events.h"

namespace bertft::report {

/// What a person sees while the program works (CONVENTIONS §3.8): on a terminal one status
/// line redrawn at most ten times a second, with log lines above it; elsewhere whole lines,
/// one for each log event and at least one every 30 s. Rates and the time left leave out the
/// first steps.
std::unique_ptr<Observer> make_console();

/// metrics.jsonl in `run_directory`: one object a line for each log, evaluation and
/// checkpoint, appended and flushed, so that a killed run keeps its curve. A resumed run
/// first drops the lines of steps after `resumed_step`.
/// throws StorageError
std::unique_ptr<Observer> make_metrics_file(const std::string& run_directory, std::int64_t resumed_step);

}  // namespace bertft::report
