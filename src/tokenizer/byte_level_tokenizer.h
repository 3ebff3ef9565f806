#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "tokenizer/byte_pairs.h"
#include "tokenizer/vocabulary_tokenizer.h"
#include "tokenizer/word_table.h"

namespace bertft::tokenizer {

/// All that makes a tokenizer of RoBERTa's kind, whichever files it stood in.
struct ByteLevelModel {
  Vocabulary vocabulary;
  BytePairs pairs;
  std::vector<AddedToken> added_tokens = {};
  SpecialIds special_ids = {};
  std::vector<std::string> remarks = {};  // for description()
};

/// RoBERTa's tokenizer (Liu et al. 2019, after GPT-2's) with the ids and offsets of the Rust `tokenizers` crate. Added
/// tokens are cut out of the text; the rest is split by GPT-2's pattern into words, each with the space before it, and
/// these into pieces by byte pairs. The space is no part of a piece's place.
class ByteLevelTokenizer final : public VocabularyTokenizer {
 public:
  explicit ByteLevelTokenizer(ByteLevelModel model);

  void encode(std::string_view text, std::vector<Token>& out) const override;
  std::string description() const override;

 private:
  class Encoding;

  std::vector<WordTable::Word> words_of_one_piece() const;

  BytePairs pairs_;
  WordTable short_words_;
};

/// The character that stands for a byte in such a vocabulary (GPT-2's bytes_to_unicode): itself where it is visible in
/// Latin-1; the others are numbered from U+0100 on.
char32_t char_of_byte(unsigned char byte);

}  // namespace bertft::tokenizer
