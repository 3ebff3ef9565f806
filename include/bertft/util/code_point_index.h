#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace bertft {

/// Byte offsets of the code points of a text, without walking it from the start each time.
class CodePointIndex {
 public:
  /// `text` is valid UTF-8 and has to live as long as the index.
  explicit CodePointIndex(std::string_view text);

  /// Where a code point begins; the size of the text behind its last.
  std::size_t byte_offset(std::uint64_t char_offset) const;

 private:
  static constexpr std::size_t kBlock = 64;  // bytes
  std::string_view text_;
  std::vector<std::uint64_t> chars_before_;  // code points that begin before each block; empty for ASCII
};

}  // namespace bertft
