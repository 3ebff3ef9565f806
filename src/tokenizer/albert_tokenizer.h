#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "bertft/tokenizer/tokenizer.h"
#include "tokenizer/added_tokens.h"
#include "tokenizer/charsmap.h"
#include "tokenizer/unigram.h"
#include "tokenizer/vocabulary.h"

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

/// ALBERT's tokenizer with the ids and offsets of transformers' AlbertTokenizer (PARITY §2.3).
/// Added tokens are cut out of the text; the rest is normalized: `` and '' become ", NFKD without
/// marks, lower case, the model's charsmap; then it is split at white space, and the Unigram model
/// splits each word, with U+2581 before it.
class AlbertTokenizer final : public Tokenizer {
 public:
  explicit AlbertTokenizer(AlbertModel model);

  void encode(std::string_view text, std::vector<Token>& out) const override;
  SpecialIds special_ids() const override { return special_ids_; }
  std::size_t vocabulary_size() const override;
  std::string_view piece(std::uint32_t id) const override;
  std::string description() const override;

 private:
  class Encoding;

  bool leaves_ascii_alone() const;

  Vocabulary vocabulary_;
  Unigram unigram_;
  Charsmap charsmap_;
  AddedTokens added_tokens_;
  SpecialIds special_ids_;
  bool lowercase_, keep_accents_;
  std::vector<std::string> remarks_;
  bool charsmap_leaves_ascii_;
};

}  // namespace bertft::tokenizer
