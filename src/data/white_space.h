#pragma once

#include <string_view>

#include "bertft/util/text.h"

namespace bertft::data {

/// What Python's str.isspace() accepts: White_Space and the four separators U+001C to U+001F.
constexpr bool is_python_space(char32_t c) {
  return (c >= 0x09 && c <= 0x0D) || (c >= 0x1C && c <= 0x20) || c == 0x85 || c == 0xA0 || c == 0x1680 ||
         (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F || c == 0x3000;
}

/// Python's text.lstrip() of valid UTF-8.
inline std::string_view lstrip(std::string_view text) {
  std::size_t begin = 0;
  for (std::size_t pos = 0; pos < text.size() && is_python_space(next_code_point(text, pos));) begin = pos;
  return text.substr(begin);
}

}  // namespace bertft::data
