#include "tokenizer/text_encoding.h"

#include "bertft/util/text.h"

namespace bertft::tokenizer {

void TextEncoding::run() {
  for (auto match = added_tokens_.find(text_, {}); match; match = added_tokens_.find(text_, *match)) {
    encode_between(match->begin);
    append(*match);
  }
  encode_between(text_.size());
}

std::string NormalizingEncoding::normalized() {
  std::string utf8;
  for (const AlignedText::Char& c : normalize_until(text_.size())) append_utf8(utf8, c.code_point);
  return utf8;
}

void NormalizingEncoding::encode_between(std::size_t end) {
  if (!added_tokens_.has_normalized()) {
    encode_until(end);
    return;
  }
  const std::span<const AlignedText::Char> chars = normalize_until(end);
  std::string utf8;
  std::vector<std::size_t> char_of_byte;
  for (std::size_t i = 0; i < chars.size(); ++i) {
    append_utf8(utf8, chars[i].code_point);
    char_of_byte.resize(utf8.size(), i);
  }
  std::size_t done = 0;
  for (auto match = added_tokens_.find_normalized(utf8, {}); match;
       match = added_tokens_.find_normalized(utf8, *match)) {
    const std::size_t first = char_of_byte[match->begin], last = char_of_byte[match->end - 1];
    if (done < first) encode_normalized(chars.subspan(done, first - done));
    append_added({match->id, chars[first].source, chars[last].source + 1},
                 std::string_view(utf8).substr(match->begin, match->end - match->begin));
    done = last + 1;
  }
  encode_normalized(chars.subspan(done));
}

void TextEncoding::append(const AddedTokens::Match& match) {
  const std::uint32_t begin = char_idx_;
  const std::string_view text = text_.substr(match.begin, match.end - match.begin);
  char_idx_ += static_cast<std::uint32_t>(count_code_points(text));
  pos_ = match.end;
  append_added({match.id, begin, char_idx_}, text);
}

}  // namespace bertft::tokenizer
