#include "bertft/memory/limits.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <string>

#include "bertft/util/error.h"
#include "bertft/util/memory_amount.h"
#include "bertft/util/text.h"

namespace bertft::memory {
namespace {

constexpr double kReservedShare = 0.03;
constexpr std::uint64_t kLeastReserve = std::uint64_t{256} << 20;

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
  return std::max(static_cast<std::uint64_t>(kReservedShare * static_cast<double>(bytes)), kLeastReserve);
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

std::uint64_t planned_usable(const MemoryOptions& options, std::uint64_t whole) {
  const std::uint64_t given = parse_amount("memory_limit", *options.memory_limit, whole);
  const std::uint64_t reserve = reserve_of(options, given);
  return given - std::min(given, reserve);
}

Budget make_budget(const MemoryOptions& options, const Capacity& capacity) {
  Budget budget;
  const std::uint64_t given =
      options.memory_limit ? parse_amount("memory_limit", *options.memory_limit, capacity.total) : capacity.free;
  budget.source = options.memory_limit ? fmt::format("memory_limit {}", *options.memory_limit) : "free memory";
  budget.reserve = reserve_of(options, given);
  if (budget.reserve >= given) {
    throw ConfigError(fmt::format("memory_reserve leaves nothing of {} ({}).\nSet memory_reserve lower, or 0.",
                                  memory_text(given), budget.source));
  }
  budget.usable = given - budget.reserve;
  budget.limit = options.memory_limit ? given : budget.usable;
  return budget;
}

std::optional<std::uint64_t> limit_that_leaves(const MemoryOptions& options, std::uint64_t usable) {
  const auto wanted = static_cast<double>(usable);
  if (!options.memory_reserve) {
    return std::max(usable + kLeastReserve, static_cast<std::uint64_t>(std::ceil(wanted / (1 - kReservedShare))));
  }
  const auto amount = std::get<MemoryAmount>(read_memory_amount(*options.memory_reserve));
  if (amount.unit != 0) return usable + static_cast<std::uint64_t>(amount.bytes_of(0));
  const double share = amount.number / 100;
  return share < 1 ? std::optional(static_cast<std::uint64_t>(std::ceil(wanted / (1 - share)))) : std::nullopt;
}

std::string budget_text(const Budget& budget) {
  const std::string amount = memory_text(budget.reserve);
  const bool is_part = budget.limit > budget.usable;
  const std::string reserve = budget.reserve == 0 ? ""
                              : is_part           ? fmt::format(", {} of it memory_reserve", amount)
                                                  : fmt::format(" less memory_reserve {}", amount);
  return fmt::format("{} ({}{})", memory_text(budget.limit), budget.source, reserve);
}

}  // namespace bertft::memory
