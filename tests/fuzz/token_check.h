#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "bertft/tokenizer/tokenizer.h"
#include "bertft/util/text.h"
#include "fuzz/require.h"

namespace bertft::tokenizer {

/// Tokens are in order, lie within `text` and have ids of the vocabulary.
inline void check_tokens(const Tokenizer& tokenizer, std::string_view text, const std::vector<Token>& tokens) {
  const std::size_t num_chars = count_code_points(text);
  std::uint32_t previous_begin = 0;
  for (const Token& t : tokens) {
    require(t.id < tokenizer.vocabulary_size());
    require(previous_begin <= t.char_begin && t.char_begin < t.char_end && t.char_end <= num_chars);
    previous_begin = t.char_begin;
  }
}

}  // namespace bertft::tokenizer
