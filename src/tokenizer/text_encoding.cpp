#include "tokenizer/text_encoding.h"

#include "bertft/util/text.h"

namespace bertft::tokenizer {

void TextEncoding::run() {
  for (auto match = added_tokens_.find(text_, 0); match; match = added_tokens_.find(text_, match->end)) {
    encode_until(match->begin);
    append(*match);
  }
  encode_until(text_.size());
}

void TextEncoding::append(const AddedTokens::Match& match) {
  const std::uint32_t begin = char_idx_;
  char_idx_ += static_cast<std::uint32_t>(count_code_points(text_.substr(match.begin, match.end - match.begin)));
  pos_ = match.end;
  out_.push_back({match.id, begin, char_idx_});
}

}  // namespace bertft::tokenizer
