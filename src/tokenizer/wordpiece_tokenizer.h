#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "tokenizer/normalizer.h"
#include "tokenizer/vocabulary_tokenizer.h"
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

/// BERT's tokenizer with the ids and offsets of the Rust `tokenizers` crate.
class WordPieceTokenizer final : public VocabularyTokenizer {
 public:
  explicit WordPieceTokenizer(WordPieceModel model);

  void encode(std::string_view text, std::vector<Token>& out) const override;
  std::string description() const override;

 private:
  class Encoding;

  // What a byte of the text does, when it is ASCII.
  enum class ByteClass : std::uint8_t { kWord, kSpace, kPunctuation, kDropped, kBeyondAscii };

  NormalizerOptions normalizer_;
  std::size_t max_chars_per_word_;
  std::array<ByteClass, 256> byte_class_;
  std::array<char, 128> normalized_ascii_;
  WordTable short_words_;
  SimpleChars simple_chars_;
};

}  // namespace bertft::tokenizer
