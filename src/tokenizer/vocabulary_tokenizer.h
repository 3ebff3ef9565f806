#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "bertft/tokenizer/tokenizer.h"
#include "tokenizer/added_tokens.h"
#include "tokenizer/vocabulary.h"

namespace bertft::tokenizer {

/// What every tokenizer of ours is made of: a vocabulary, tokens added to it, the special ones.
class VocabularyTokenizer : public Tokenizer {
 public:
  SpecialIds special_ids() const final { return special_ids_; }
  std::size_t vocabulary_size() const final { return added_tokens_.size_with(vocabulary_.used_size()); }
  std::vector<std::string> remarks() const final { return remarks_; }
  std::string_view piece(std::uint32_t id) const final {
    return id < vocabulary_.size() ? vocabulary_.piece(id) : added_tokens_.content(id);
  }

 protected:
  /// `remarks` are for description().
  VocabularyTokenizer(Vocabulary vocabulary, std::vector<AddedToken> added_tokens, const SpecialIds& special_ids,
                      std::vector<std::string> remarks)
      : vocabulary_(std::move(vocabulary)),
        added_tokens_(std::move(added_tokens)),
        special_ids_(special_ids),
        remarks_(std::move(remarks)) {}

  std::string with_remarks(std::string line) const {
    for (const std::string& remark : remarks_) line += "; " + remark;
    return line;
  }

  Vocabulary vocabulary_;
  AddedTokens added_tokens_;
  SpecialIds special_ids_;

 private:
  std::vector<std::string> remarks_;
};

}  // namespace bertft::tokenizer
