#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "bertft/tokenizer/tokenizer.h"
#include "tokenizer/added_tokens.h"
#include "tokenizer/normalizer.h"
#include "tokenizer/vocabulary.h"
#include "tokenizer/word_table.h"

namespace bertft::tokenizer {

/// All that makes a BERT tokenizer, whichever files it stood in.
struct WordPieceModel {
  Vocabulary vocabulary;
  std::vector<AddedToken> added_tokens = {};
  SpecialIds special_ids = {};
  NormalizerOptions normalizer = {};
  std::size_t max_input_chars_per_word = 100;  // normalized ones; a longer word is unknown
  std::vector<std::string> remarks = {};       // for description()
};

/// BERT's tokenizer with the ids and offsets of the Rust `tokenizers` crate (PARITY §2.1).
class WordPieceTokenizer final : public Tokenizer {
 public:
  explicit WordPieceTokenizer(WordPieceModel model);

  void encode(std::string_view text, std::vector<Token>& out) const override;
  SpecialIds special_ids() const override { return special_ids_; }
  std::size_t vocabulary_size() const override;
  std::string_view piece(std::uint32_t id) const override;
  std::string description() const override;

 private:
  class Encoding;

  // What a byte of the text does, when it is ASCII.
  enum class ByteClass : std::uint8_t { kWord, kSpace, kPunctuation, kDropped, kBeyondAscii };

  Vocabulary vocabulary_;
  AddedTokens added_tokens_;
  SpecialIds special_ids_;
  NormalizerOptions normalizer_;
  std::size_t max_chars_per_word_;
  std::vector<std::string> remarks_;
  std::array<ByteClass, 256> byte_class_;
  std::array<char, 128> normalized_ascii_;
  WordTable short_words_;
  SimpleChars simple_chars_;
};

}  // namespace bertft::tokenizer
