#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "bertft/tokenizer/tokenizer.h"
#include "tokenizer/added_tokens.h"
#include "tokenizer/normalizer.h"

namespace bertft::tokenizer {

/// One call of Tokenizer::encode(): added tokens stay whole, what stands between them is the tokenizer's to split.
class TextEncoding {
 public:
  void run();

 protected:
  TextEncoding(const AddedTokens& added_tokens, std::string_view text, std::vector<Token>& out)
      : added_tokens_(added_tokens), text_(text), out_(out) {}
  ~TextEncoding() = default;

  /// Appends the tokens of the text from pos_ up to byte `end`, where one stands that is found verbatim, and moves
  /// there.
  virtual void encode_between(std::size_t end) = 0;

  /// The same where no added token is to be looked for.
  virtual void encode_until(std::size_t end) = 0;

  /// Appends an added token; `text` is what stands at its place, with the white space that it takes.
  virtual void append_added(Token token, std::string_view /*text*/) { out_.push_back(token); }

  void append(const AddedTokens::Match& match);

  const AddedTokens& added_tokens_;
  std::string_view text_;
  std::vector<Token>& out_;
  std::size_t pos_ = 0;         // of the byte that comes next
  std::uint32_t char_idx_ = 0;  // of its code point
};

/// One of a tokenizer that normalizes, between whose steps there are tokens to be looked for.
class NormalizingEncoding : public TextEncoding {
 public:
  /// The whole text, normalized, in UTF-8.
  std::string normalized();

 protected:
  using TextEncoding::TextEncoding;
  ~NormalizingEncoding() = default;

  /// What encode_until() does, in two steps: the normalized text up to there, valid until the next call, and the tokens
  /// of a part of it.
  virtual std::span<const AlignedText::Char> normalize_until(std::size_t end) = 0;
  virtual void encode_normalized(std::span<const AlignedText::Char> chars) = 0;

 private:
  void encode_between(std::size_t end) override;
};

}  // namespace bertft::tokenizer
