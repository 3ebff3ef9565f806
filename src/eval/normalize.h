#pragma once

#include <string>
#include <string_view>

namespace bertft::eval {

/// Python's str.lower(): full case mapping (U+0130 becomes two code points) and the context
/// rule of the final sigma.
std::u32string python_lower(std::u32string_view text);

/// What `\w` of Python's re matches in a str: str.isalnum() or the underscore.
bool is_python_word(char32_t c);

}  // namespace bertft::eval
