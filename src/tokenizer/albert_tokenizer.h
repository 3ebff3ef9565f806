#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "tokenizer/charsmap.h"
#include "tokenizer/unigram.h"
#include "tokenizer/vocabulary_tokenizer.h"

namespace bertft::tokenizer {

/// All that makes an ALBERT tokenizer, whichever files it stood in.
struct AlbertModel {
  Vocabulary vocabulary;  // the pieces of `unigram`
  Unigram unigram;
  Charsmap charsmap = {};
  std::vector<AddedToken> added_tokens = {};
  SpecialIds special_ids = {};
  bool lowercase = true, keep_accents = false;
  std::vector<std::string> remarks = {};  // for description()
};

/// ALBERT's tokenizer with the ids and offsets of transformers' AlbertTokenizer.
/// Added tokens are cut out of the text; the rest is normalized: `` and '' become ", NFKD without
/// marks, lower case, the model's charsmap; then it is split at white space, and the Unigram model
/// splits each word, with U+2581 before it.
class AlbertTokenizer final : public VocabularyTokenizer {
 public:
  explicit AlbertTokenizer(AlbertModel model);

  void encode(std::string_view text, std::vector<Token>& out) const override;
  std::string description() const override;

 private:
  class Encoding;

  bool leaves_ascii_alone() const;

  Unigram unigram_;
  Charsmap charsmap_;
  bool lowercase_, keep_accents_;
  bool charsmap_leaves_ascii_;
};

}  // namespace bertft::tokenizer
