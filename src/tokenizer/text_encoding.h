#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "bertft/tokenizer/tokenizer.h"
#include "tokenizer/added_tokens.h"

namespace bertft::tokenizer {

/// One call of Tokenizer::encode(): added tokens stay whole, what stands between them is the tokenizer's to split.
class TextEncoding {
 public:
  void run();

 protected:
  TextEncoding(const AddedTokens& added_tokens, std::string_view text, std::vector<Token>& out)
      : text_(text), out_(out), added_tokens_(added_tokens) {}
  ~TextEncoding() = default;

  /// Appends the tokens of the text from pos_ up to byte `end`, and moves there.
  virtual void encode_until(std::size_t end) = 0;

  std::string_view text_;
  std::vector<Token>& out_;
  std::size_t pos_ = 0;         // of the byte that comes next
  std::uint32_t char_idx_ = 0;  // of its code point

 private:
  void append(const AddedTokens::Match& match);

  const AddedTokens& added_tokens_;
};

}  // namespace bertft::tokenizer
