#include "bertft/memory/limits.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <string>

#include "bertft/util/error.h"
#include "bertft/util/memory_amount.h"
#include "bertft/util/text.h"

namespace bertft::memory {
namespace {

[[noreturn]] void refuse(std::string_view key, std::string_view text, std::string_view what) {
  throw ConfigError(fmt::format("{} is '{}': {}.\nGive {}.", key, printable(text, 40), what, kMemoryAmountForm));
}

std::uint64_t reserve_of(const MemoryOptions& options, std::uint64_t given) {
  if (!options.memory_reserve) return default_reserve(given);
  const auto amount = read_memory_amount(*options.memory_reserve);
  const auto* read = std::get_if<MemoryAmount>(&amount);
  return read && read->number == 0 ? 0 : parse_amount("memory_reserve", *options.memory_reserve, given);
}

}  // namespace

std::uint64_t default_reserve(std::uint64_t bytes) {
  constexpr double kShare = 0.03;
  constexpr std::uint64_t kLeast = std::uint64_t{256} << 20;
  return std::max(static_cast<std::uint64_t>(kShare * static_cast<double>(bytes)), kLeast);
}

std::uint64_t parse_amount(std::string_view key, std::string_view text, std::uint64_t whole) {
  const auto amount = read_memory_amount(text);
  if (const auto* wrong = std::get_if<std::string>(&amount)) refuse(key, text, *wrong);
  const double bytes = std::get<MemoryAmount>(amount).bytes_of(whole);
  if (bytes < 1) refuse(key, text, "that leaves no memory");
  if (bytes > static_cast<double>(whole))
    refuse(key, text, fmt::format("that is more than the {} there are", memory_text(whole)));
  return static_cast<std::uint64_t>(bytes);
}

std::uint64_t planned_usable(const MemoryOptions& options) {
  const std::uint64_t given =
      parse_amount("memory_limit", *options.memory_limit, std::numeric_limits<std::int64_t>::max());
  const std::uint64_t reserve = reserve_of(options, given);
  return given - std::min(given, reserve);
}

Budget make_budget(const MemoryOptions& options, const Capacity& capacity) {
  Budget budget;
  const std::uint64_t given =
      options.memory_limit ? parse_amount("memory_limit", *options.memory_limit, capacity.total) : capacity.free;
  budget.source = options.memory_limit ? fmt::format("memory_limit {}", *options.memory_limit) : "free memory";
  const std::uint64_t reserve = reserve_of(options, given);
  if (reserve >= given) {
    throw ConfigError(fmt::format("memory_reserve leaves nothing of {} ({}).\nSet memory_reserve lower, or 0.",
                                  memory_text(given), budget.source));
  }
  budget.usable = given - reserve;
  budget.limit = options.memory_limit ? given : budget.usable;
  return budget;
}

std::string budget_text(const Budget& budget) {
  const std::uint64_t reserve = budget.limit - budget.usable;
  return fmt::format("{} to be used ({}{})", memory_text(budget.usable), budget.source,
                     reserve == 0 ? "" : fmt::format(", less memory_reserve {}", memory_text(reserve)));
}

}  // namespace bertft::memory
