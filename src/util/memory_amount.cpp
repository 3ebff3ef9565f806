#include "bertft/util/memory_amount.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "bertft/util/text.h"

namespace bertft {
namespace {

struct Unit {
  std::string_view name;
  double bytes;
};
constexpr std::array kUnits{Unit{"%", 0},     Unit{"b", 1},        Unit{"kb", 1e3}, Unit{"kib", 0x1p10},
                            Unit{"mb", 1e6},  Unit{"mib", 0x1p20}, Unit{"gb", 1e9}, Unit{"gib", 0x1p30},
                            Unit{"tb", 1e12}, Unit{"tib", 0x1p40}};

}  // namespace

std::variant<MemoryAmount, std::string> read_memory_amount(std::string_view text) {
  MemoryAmount amount;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), amount.number);
  std::string_view name = text.substr(static_cast<std::size_t>(end - text.data()));
  name.remove_prefix(std::min(name.find_first_not_of(' '), name.size()));
  if (error != std::errc() || !std::isfinite(amount.number)) return "that is no amount of memory";
  if (amount.number < 0) return "that leaves no memory";
  if (name.empty() && amount.number == 0) return amount;
  if (name.empty()) return "it has no unit";
  const std::string lower = to_lower_ascii(name);
  const auto unit = std::find_if(kUnits.begin(), kUnits.end(), [&](const Unit& u) { return u.name == lower; });
  if (unit == kUnits.end()) return fmt::format("'{}' is no unit of memory", printable(name, 20));
  amount.unit = unit->bytes;
  return amount;
}

}  // namespace bertft
