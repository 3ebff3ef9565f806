#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "bertft/memory/options.h"

namespace bertft::memory {

/// What a device has, in bytes. On the CPU the machine's memory and its control group's limit,
/// whichever is less; page cache that can be dropped counts as free.
struct Capacity {
  std::uint64_t total = 0, free = 0;
};

/// What a run may use of it.
struct Budget {
  std::uint64_t limit = 0;    // allocators refuse more
  std::uint64_t usable = 0;   // a plan or a probe fills no more
  std::uint64_t reserve = 0;  // kept out of that; of the limit where memory_limit sets one, of what is free otherwise
  std::string source;         // "memory_limit 12GiB", "free memory"
};

/// What is kept free of so many bytes unless memory_reserve says otherwise: 3 % or 256 MiB,
/// whichever is more.
std::uint64_t default_reserve(std::uint64_t bytes);

/// "12GiB", "1.5 GB", "900MiB", "50%" of `whole` -> bytes. `key` names the option in messages.
/// throws ConfigError for anything else, for nothing, and for more than `whole`
std::uint64_t parse_amount(std::string_view key, std::string_view text, std::uint64_t whole);

/// The budget that the options and the device give. Without a limit all that is free but the
/// reserve, so that the kernel has no reason to kill anybody.
/// throws ConfigError as parse_amount, and when the reserve leaves nothing
Budget make_budget(const MemoryOptions& options, const Capacity& capacity);

/// The memory_limit whose reserve leaves so many bytes to be used; nothing when none does.
std::optional<std::uint64_t> limit_that_leaves(const MemoryOptions& options, std::uint64_t usable);

/// "1.0 GiB (memory_limit 1GiB, 256 MiB of it memory_reserve)", "22.1 GiB (free memory less memory_reserve 768 MiB)".
std::string budget_text(const Budget& budget);

/// What a plan may use of `memory_limit`, which is set, without a device: 0 when the reserve takes it all. `whole` is
/// what it may be a share of. throws ConfigError as parse_amount
std::uint64_t planned_usable(const MemoryOptions& options, std::uint64_t whole);

}  // namespace bertft::memory
