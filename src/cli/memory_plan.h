#pragma once

#include "bertft/config/config.h"

namespace bertft::cli {

/// `--plan-memory`: what training would take, on stdout. Needs neither data nor a device.
/// throws InputError, ConfigError
void print_memory_plan(config::Resolved resolved, bool json);

}  // namespace bertft::cli
