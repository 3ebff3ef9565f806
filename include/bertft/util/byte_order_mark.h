#pragma once

#include <string_view>

namespace bertft {

/// U+FEFF in UTF-8, with which some programs begin a text.
constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

}  // namespace bertft
