#pragma once

#include <cstdint>
#include <string>

#include "bertft/memory/limits.h"

namespace bertft::memory {

/// Memory of this machine as far as this process may have it: /proc/meminfo, and the limits of
/// its control group and of those above it (version 2, or version 1's memory controller).
Capacity machine_capacity();

/// The same from files under other roots, for tests.
Capacity machine_capacity(const std::string& proc, const std::string& cgroup);

/// Threads that a run on it shares its work among: OMP_NUM_THREADS, else one a processor. LibTorch, which is not open
/// where a plan is made, takes one a core then.
std::int64_t machine_num_threads();

/// Whether its CPU multiplies bf16 with AMX.
bool machine_has_amx();

}  // namespace bertft::memory
