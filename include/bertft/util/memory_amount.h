#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

namespace bertft {

/// An amount of memory as people write it: "12GiB", "1.5 GB", "900MiB", "50%", or a bare "0".
struct MemoryAmount {
  double number = 0;
  double unit = 1;  // bytes; 0 when `number` is a share of the whole, in percent

  double bytes_of(std::uint64_t whole) const { return number * (unit == 0 ? static_cast<double>(whole) / 100 : unit); }
};

/// The amount, or what is wrong with the text: "it has no unit".
std::variant<MemoryAmount, std::string> read_memory_amount(std::string_view text);

/// How amounts are written, for messages.
inline constexpr std::string_view kMemoryAmountForm = "an amount such as 12GiB, 900MiB or 50%";

}  // namespace bertft
