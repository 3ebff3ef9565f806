#include "bertft/util/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

namespace bertft {
namespace {

bool is_continuation(char byte) {
  return (static_cast<unsigned char>(byte) & 0xC0) == 0x80;
}

// Length of the well-formed sequence at `pos` (Unicode 15, table 3-7); 0 when there is none.
std::size_t sequence_length(std::string_view text, std::size_t pos) {
  const auto byte = [&](std::size_t i) -> unsigned {
    return pos + i < text.size() ? static_cast<unsigned char>(text[pos + i]) : 0;
  };
  const auto within = [](unsigned b, unsigned low, unsigned high) { return low <= b && b <= high; };
  const auto tail = [&](std::size_t i) { return within(byte(i), 0x80, 0xBF); };

  const unsigned lead = byte(0);
  if (lead < 0x80) return 1;
  if (within(lead, 0xC2, 0xDF)) return tail(1) ? 2 : 0;
  if (within(lead, 0xE0, 0xEF)) {
    const unsigned low = lead == 0xE0 ? 0xA0 : 0x80;   // no overlong form
    const unsigned high = lead == 0xED ? 0x9F : 0xBF;  // no surrogate
    return within(byte(1), low, high) && tail(2) ? 3 : 0;
  }
  if (within(lead, 0xF0, 0xF4)) {
    const unsigned low = lead == 0xF0 ? 0x90 : 0x80;   // no overlong form
    const unsigned high = lead == 0xF4 ? 0x8F : 0xBF;  // nothing above U+10FFFF
    return within(byte(1), low, high) && tail(2) && tail(3) ? 4 : 0;
  }
  return 0;
}

// Characters that move the cursor or turn the line around, so that they could hide what a
// message says: C0, DEL, C1, line and paragraph separators, bidirectional controls.
bool disturbs_a_line(char32_t c) {
  return c < 0x20 || (c >= 0x7F && c <= 0x9F) || c == 0x61C || c == 0x200E || c == 0x200F ||
         (c >= 0x2028 && c <= 0x202E) || (c >= 0x2066 && c <= 0x2069);
}

std::string escaped(char32_t c) {
  switch (c) {
    case U'\n':
      return "\\n";
    case U'\r':
      return "\\r";
    case U'\t':
      return "\\t";
    default:
      return c < 0x80 ? fmt::format("\\x{:02x}", static_cast<unsigned>(c))
                      : fmt::format("\\u{:04x}", static_cast<unsigned>(c));
  }
}

// Optimal string alignment: insertions, deletions, replacements and swaps of neighbours.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before_last(b.size() + 1), last(b.size() + 1), current(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) current[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::swap(before_last, last);
    std::swap(last, current);
    current[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      current[j] = std::min({last[j] + 1, current[j - 1] + 1, replaced});
      const bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (swapped) current[j] = std::min(current[j], before_last[j - 2] + 1);
    }
  }
  return current[b.size()];
}

}  // namespace

std::string printable(std::string_view text, std::size_t max_bytes) {
  std::string out;
  for (std::size_t pos = 0; pos < text.size();) {
    const std::size_t length = sequence_length(text, pos);
    std::string piece;
    if (length == 0) {
      piece = fmt::format("\\x{:02x}", static_cast<unsigned char>(text[pos]));
      ++pos;
    } else {
      const std::string_view sequence = text.substr(pos, length);  // more continuation bytes may stand behind it
      std::size_t end = 0;
      const char32_t c = next_code_point(sequence, end);
      piece = disturbs_a_line(c) ? escaped(c) : std::string(sequence);
      pos += length;
    }
    if (out.size() + piece.size() > max_bytes) return out + "...";
    out += piece;
  }
  return out;
}

std::optional<std::size_t> find_invalid_utf8(std::string_view text) {
  constexpr std::uint64_t kHighBits = 0x8080808080808080;
  std::size_t pos = 0;
  while (pos < text.size()) {
    std::uint64_t eight_bytes = 0;
    if (pos + sizeof eight_bytes <= text.size()) {
      std::memcpy(&eight_bytes, text.data() + pos, sizeof eight_bytes);
      if ((eight_bytes & kHighBits) == 0) {
        pos += sizeof eight_bytes;
        continue;
      }
    }
    const std::size_t length = sequence_length(text, pos);
    if (length == 0) return pos;
    pos += length;
  }
  return std::nullopt;
}

std::size_t count_code_points(std::string_view utf8) {
  return utf8.size() - static_cast<std::size_t>(std::count_if(utf8.begin(), utf8.end(), is_continuation));
}

std::size_t byte_offset_of(std::string_view utf8, std::size_t char_offset) {
  std::size_t pos = 0;
  while (pos < utf8.size()) {
    if (!is_continuation(utf8[pos])) {
      if (char_offset == 0) return pos;
      --char_offset;
    }
    ++pos;
  }
  return utf8.size();
}

char32_t next_code_point(std::string_view utf8, std::size_t& pos) {
  const auto lead = static_cast<unsigned char>(utf8[pos++]);
  if (lead < 0x80) return lead;
  char32_t code_point = lead < 0xE0 ? lead & 0x1Fu : lead < 0xF0 ? lead & 0x0Fu : lead & 0x07u;
  while (pos < utf8.size() && is_continuation(utf8[pos])) {
    code_point = (code_point << 6) | (static_cast<unsigned char>(utf8[pos++]) & 0x3Fu);
  }
  return code_point;
}

void append_utf8(std::string& out, char32_t code_point) {
  const auto tail = [&](unsigned shift) { out += static_cast<char>(0x80 | ((code_point >> shift) & 0x3F)); };
  if (code_point < 0x80) {
    out += static_cast<char>(code_point);
  } else if (code_point < 0x800) {
    out += static_cast<char>(0xC0 | (code_point >> 6));
    tail(0);
  } else if (code_point < 0x10000) {
    out += static_cast<char>(0xE0 | (code_point >> 12));
    tail(6);
    tail(0);
  } else {
    out += static_cast<char>(0xF0 | (code_point >> 18));
    tail(12);
    tail(6);
    tail(0);
  }
}

std::optional<std::string_view> nearest(std::string_view word, const std::vector<std::string_view>& candidates) {
  constexpr std::size_t kMostDistance = 2;
  std::optional<std::string_view> best;
  // A word as far away as it is long shares nothing with the candidate.
  std::size_t limit = word.empty() ? 0 : std::min(kMostDistance, word.size() - 1);
  for (const std::string_view candidate : candidates) {
    const std::size_t longer = std::max(word.size(), candidate.size());
    if (longer - std::min(word.size(), candidate.size()) > limit) continue;
    const std::size_t distance = edit_distance(word, candidate);
    if (distance > limit || (best && distance == limit)) continue;
    best = candidate;
    limit = distance;
  }
  return best;
}

std::optional<std::string_view> only_one_beginning_with(std::string_view word,
                                                        const std::vector<std::string_view>& candidates) {
  const auto begins = [&](std::string_view candidate) { return candidate.starts_with(word); };
  const auto found = std::ranges::find_if(candidates, begins);
  if (found == candidates.end() || std::any_of(found + 1, candidates.end(), begins)) return std::nullopt;
  return *found;
}

std::string to_lower_ascii(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) {
    if ('A' <= c && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return lower;
}

std::string memory_text(std::uint64_t bytes) {
  const double mib = static_cast<double>(bytes) / (1 << 20);
  if (mib >= 1024) return fmt::format("{:.1f} GiB", mib / 1024);
  if (mib >= 10 || bytes == 0) return fmt::format("{:.0f} MiB", mib);
  return mib >= 1 ? fmt::format("{:.1f} MiB", mib) : fmt::format("{:.0f} KiB", mib * 1024);
}

std::string_view first_line(std::string_view text) {
  return text.substr(0, text.find('\n'));
}

std::string wrapped(std::string_view text, std::size_t column, std::size_t indent) {
  constexpr std::size_t kColumns = 80;
  std::string lines;
  for (std::size_t room = kColumns - column; count_code_points(text) > room; room = kColumns - indent) {
    const std::size_t limit = byte_offset_of(text, room);
    const std::size_t blank = text.rfind(' ', limit);
    const bool at_blank = blank != text.npos && blank > 0;
    const std::size_t end = at_blank ? blank : limit;
    lines.append(text.substr(0, end)).append("\n").append(indent, ' ');
    text.remove_prefix(at_blank ? end + 1 : end);
  }
  return lines.append(text);
}

std::string with_thousands(std::int64_t n) {
  std::string digits = fmt::format("{}", n);
  const std::size_t first_digit = n < 0 ? 1 : 0;
  for (std::size_t pos = digits.size(); pos > first_digit + 3;) {
    pos -= 3;
    digits.insert(pos, 1, ',');
  }
  return digits;
}

std::string counted(std::int64_t n, std::string_view noun) {
  return fmt::format("{} {}{}", with_thousands(n), noun, n == 1 ? "" : "s");
}

}  // namespace bertft
