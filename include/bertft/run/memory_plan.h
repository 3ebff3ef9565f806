#pragma once

#include "bertft/config/config.h"
#include "bertft/memory/plan_report.h"

namespace bertft::run {

/// `--plan-memory`: what training would take. Needs neither data nor a device. throws InputError, ConfigError
memory::PlanReport plan_memory(config::Resolved resolved);

}  // namespace bertft::run
