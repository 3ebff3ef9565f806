#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "tokenizer/charsmap.h"
#include "tokenizer/unigram.h"
#include "tokenizer/vocabulary_tokenizer.h"

namespace bertft::tokenizer {

/// What is done to text before the charsmap.
struct UnigramRules {
  bool merges_quotes = true;   // `` and '' become "
  bool strips_accents = true;  // NFKD without marks
  bool lowercase = true;
};

/// All that makes a tokenizer of ALBERT's or XLM-RoBERTa's kind, whichever files it stood in.
struct UnigramModel {
  Vocabulary vocabulary;  // the pieces of `unigram`
  Unigram unigram;
  Charsmap charsmap = {};
  std::vector<AddedToken> added_tokens = {};
  SpecialIds special_ids = {};
  UnigramRules rules = {};
  std::vector<std::string> remarks = {};  // for description()
};

/// The tokenizers of ALBERT and XLM-RoBERTa with the ids and offsets of transformers' AlbertTokenizer and
/// XLMRobertaTokenizer. Added tokens are cut out of the text; the rest is normalized by the rules, which XLM-RoBERTa
/// has none of, and by the model's charsmap; then it is split at white space, and the Unigram model splits each word,
/// with U+2581 before it.
class UnigramTokenizer final : public VocabularyTokenizer {
 public:
  explicit UnigramTokenizer(UnigramModel model);

  void encode(std::string_view text, std::vector<Token>& out) const override;
  std::string description() const override;

 private:
  class Encoding;

  bool leaves_ascii_alone() const;

  Unigram unigram_;
  Charsmap charsmap_;
  UnigramRules rules_;
  bool charsmap_leaves_ascii_;
};

}  // namespace bertft::tokenizer
