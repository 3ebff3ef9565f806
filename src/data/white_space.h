#pragma once

#include <string_view>

#include "bertft/util/text.h"

namespace bertft::data {

/// Python's text.lstrip() of valid UTF-8.
inline std::string_view lstrip(std::string_view text) {
  std::size_t begin = 0;
  for (std::size_t pos = 0; pos < text.size() && is_python_space(next_code_point(text, pos));) begin = pos;
  return text.substr(begin);
}

}  // namespace bertft::data
