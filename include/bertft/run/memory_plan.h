#pragma once

#include "bertft/config/config.h"
#include "bertft/memory/plan_report.h"

namespace bertft::run {

/// `--plan-memory`: what training would take. Needs neither data nor a device; where the data and the tokenizer are
/// there, of the words' table the rows that a run would train.
/// throws InputError, ConfigError; DataError of those
memory::PlanReport plan_memory(config::Resolved resolved);

}  // namespace bertft::run
