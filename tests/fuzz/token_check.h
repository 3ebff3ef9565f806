#pragma once

#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <vector>

#include "bertft/tokenizer/tokenizer.h"
#include "bertft/util/text.h"

namespace bertft::tokenizer {

inline void require(bool holds) {
  if (!holds) std::abort();
}

/// Tokens are in order, lie on code-point borders of `text` and have ids of the vocabulary.
inline void check_tokens(const Tokenizer& tokenizer, std::string_view text, const std::vector<Token>& tokens) {
  std::uint32_t previous_begin = 0;
  for (const Token& t : tokens) {
    require(t.id < tokenizer.vocabulary_size());
    require(previous_begin <= t.byte_begin && t.byte_begin < t.byte_end && t.byte_end <= text.size());
    require(byte_offset_of(text, t.char_begin) == t.byte_begin);
    require(byte_offset_of(text, t.char_end) == t.byte_end);
    previous_begin = t.byte_begin;
  }
}

}  // namespace bertft::tokenizer
