#include "bertft/util/code_point_index.h"

#include <algorithm>

#include "bertft/util/text.h"

namespace bertft {

CodePointIndex::CodePointIndex(std::string_view text) : text_(text) {
  if (count_code_points(text) == text.size()) return;
  std::size_t num_chars = 0;
  for (std::size_t begin = 0; begin < text.size(); begin += kBlock) {
    chars_before_.push_back(num_chars);
    num_chars += count_code_points(text.substr(begin, kBlock));
  }
}

std::size_t CodePointIndex::byte_offset(std::uint64_t char_offset) const {
  if (chars_before_.empty()) return std::min<std::uint64_t>(char_offset, text_.size());
  const auto behind = std::upper_bound(chars_before_.begin(), chars_before_.end(), char_offset);
  const auto block = static_cast<std::size_t>(behind - chars_before_.begin()) - 1;
  return block * kBlock + byte_offset_of(text_.substr(block * kBlock), char_offset - chars_before_[block]);
}

}  // namespace bertft
