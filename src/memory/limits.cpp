#include "bertft/memory/limits.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <string>

#include "bertft/util/error.h"
#include "bertft/util/text.h"

namespace bertft::memory {
namespace {

struct Unit {
  std::string_view name;
  double bytes;
};
constexpr std::array kUnits{Unit{"b", 1},        Unit{"kb", 1e3},     Unit{"kib", 0x1p10},
                            Unit{"mb", 1e6},     Unit{"mib", 0x1p20}, Unit{"gb", 1e9},
                            Unit{"gib", 0x1p30}, Unit{"tb", 1e12},    Unit{"tib", 0x1p40}};

[[noreturn]] void refuse(std::string_view key, std::string_view text, std::string_view what) {
  throw ConfigError(
      fmt::format("{} is '{}': {}.\nGive an amount such as 12GiB, 900MiB or 50%.", key, printable(text, 40), what));
}

// The bytes of one of the unit, or none when there is no such unit.
double unit_bytes(std::string_view name, std::uint64_t whole) {
  if (name == "%") return static_cast<double>(whole) / 100;
  const std::string lower = to_lower_ascii(name);
  const auto found = std::find_if(kUnits.begin(), kUnits.end(), [&](const Unit& unit) { return unit.name == lower; });
  return found == kUnits.end() ? 0 : found->bytes;
}

}  // namespace

std::uint64_t default_reserve(std::uint64_t bytes) {
  constexpr double kShare = 0.03;
  constexpr std::uint64_t kLeast = std::uint64_t{256} << 20;
  return std::max(static_cast<std::uint64_t>(kShare * static_cast<double>(bytes)), kLeast);
}

std::uint64_t parse_amount(std::string_view key, std::string_view text, std::uint64_t whole) {
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  std::string_view unit = text.substr(static_cast<std::size_t>(end - text.data()));
  unit.remove_prefix(std::min(unit.find_first_not_of(' '), unit.size()));
  if (error != std::errc() || !std::isfinite(number)) refuse(key, text, "that is no amount of memory");
  if (unit.empty()) refuse(key, text, "it has no unit");
  const double factor = unit_bytes(unit, whole);
  if (factor == 0) refuse(key, text, fmt::format("'{}' is no unit of memory", printable(unit, 20)));
  const double bytes = number * factor;
  if (bytes < 1) refuse(key, text, "that leaves no memory");
  if (bytes > static_cast<double>(whole)) refuse(key, text, fmt::format("the device has {}", memory_text(whole)));
  return static_cast<std::uint64_t>(bytes);
}

Budget make_budget(const MemoryOptions& options, const Capacity& capacity) {
  Budget budget;
  const std::uint64_t given =
      options.memory_limit ? parse_amount("memory_limit", *options.memory_limit, capacity.total) : capacity.free;
  budget.source = options.memory_limit ? fmt::format("memory_limit {}", *options.memory_limit) : "free memory";
  std::uint64_t reserve = default_reserve(given);
  // "0", with any unit or none, is a reserve too.
  if (options.memory_reserve) {
    const bool is_zero = options.memory_reserve->find_first_of("123456789") == std::string::npos;
    reserve = is_zero ? 0 : parse_amount("memory_reserve", *options.memory_reserve, given);
  }
  if (reserve >= given) {
    throw ConfigError(fmt::format("memory_reserve leaves nothing of {} ({}).\nSet memory_reserve lower, or 0.",
                                  memory_text(given), budget.source));
  }
  budget.usable = given - reserve;
  budget.limit = options.memory_limit ? given : budget.usable;
  return budget;
}

}  // namespace bertft::memory
