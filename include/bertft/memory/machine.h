#pragma once

#include <string>

#include "bertft/memory/limits.h"

namespace bertft::memory {

/// Memory of this machine as far as this process may have it: /proc/meminfo, and the limits of
/// its control group and of those above it (version 2, or version 1's memory controller).
Capacity machine_capacity();

/// The same from files under other roots, for tests.
Capacity machine_capacity(const std::string& proc, const std::string& cgroup);

/// Whether its CPU multiplies bf16 with AMX.
bool machine_has_amx();

}  // namespace bertft::memory
