#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace bertft {

/// User text for a message: control characters and invalid bytes escaped, cut at 300 bytes
/// on a code-point border, "..." where something was cut.
std::string printable(std::string_view text, std::size_t max_bytes = 300);

/// Byte position of the first byte that is not part of valid UTF-8; none when all is.
std::optional<std::size_t> find_invalid_utf8(std::string_view text);

/// Number of code points of valid UTF-8.
std::size_t count_code_points(std::string_view utf8);

/// Byte offset of code point `char_offset`, size() when it is past the end.
std::size_t byte_offset_of(std::string_view utf8, std::size_t char_offset);

/// Decodes the code point at `pos` of valid UTF-8 and moves `pos` behind it.
char32_t next_code_point(std::string_view utf8, std::size_t& pos);

/// What Python's str.isspace() accepts, which is where str.split() cuts: category Zs, or bidirectional class WS,
/// B or S.
constexpr bool is_python_space(char32_t c) {
  return (c >= 0x09 && c <= 0x0D) || (c >= 0x1C && c <= 0x20) || c == 0x85 || c == 0xA0 || c == 0x1680 ||
         (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F || c == 0x3000;
}

/// Appends a code point as UTF-8.
void append_utf8(std::string& out, char32_t code_point);

/// The candidate nearest to `word` by Damerau-Levenshtein distance, at most 2.
std::optional<std::string_view> nearest(std::string_view word, const std::vector<std::string_view>& candidates);

/// The one candidate that begins with `word`; nothing where several do.
std::optional<std::string_view> only_one_beginning_with(std::string_view word,
                                                        const std::vector<std::string_view>& candidates);

/// A to Z become a to z; other bytes stay, whatever the locale.
std::string to_lower_ascii(std::string_view text);

/// Up to the first line break: what an error says before its advice.
std::string_view first_line(std::string_view text);

/// A text broken at blanks, or within a word that is too long, into lines of at most 80 code points: the first begins
/// at `column`, the others behind `indent` blanks.
std::string wrapped(std::string_view text, std::size_t column, std::size_t indent);

/// 1234567 -> "1,234,567".
std::string with_thousands(std::int64_t n);
template <std::unsigned_integral N>
std::string with_thousands(N n) {
  return with_thousands(static_cast<std::int64_t>(n));
}

/// "1 step", "2,000 steps".
std::string counted(std::int64_t n, std::string_view noun);
template <std::unsigned_integral N>
std::string counted(N n, std::string_view noun) {
  return counted(static_cast<std::int64_t>(n), noun);
}

/// Bytes as "7.5 GiB", "812 MiB", "1.3 MiB" or "312 KiB".
std::string memory_text(std::uint64_t bytes);

}  // namespace bertft
