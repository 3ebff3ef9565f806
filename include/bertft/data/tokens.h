#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "bertft/data/dataset.h"
#include "bertft/tokenizer/tokenizer.h"

namespace bertft::data {

/// The texts of a data set as tokens, each text tokenized once. Questions stand without their leading
/// white space, as in run_qa.py.
struct Tokens {
  std::vector<std::span<const tokenizer::Token>> contexts, questions;  // by number in the data set
  tokenizer::SpecialIds special{};
  std::vector<std::vector<tokenizer::Token>> storage;  // what the spans show

  Tokens() = default;
  Tokens(Tokens&&) = default;  // not copied: the spans would show the other's storage
  Tokens& operator=(Tokens&&) = default;

  /// Of all tokens, those that stand for a word that the vocabulary cannot spell; 0 to 1.
  double unknown_share() const;

  /// Marks the ids that occur, special ones too. `used`: by id, of all that there are
  void mark_ids(std::vector<bool>& used) const;
  /// Gives the tokens other ids. `numbers`: by the id that they have
  void renumber(std::span<const std::uint32_t> numbers);
};

Tokens tokenize(const Dataset& dataset, const tokenizer::Tokenizer& tokenizer);

struct TokenizedDataset {
  Dataset dataset;
  Tokens tokens;
};

/// read_dataset(), keep_first() and tokenize() at once: a second thread tokenizes what the first has read.
/// Contexts that no question is left of may have no tokens.
/// throws what read_dataset() throws
TokenizedDataset read_and_tokenize(const std::string& path, const tokenizer::Tokenizer& tokenizer,
                                   std::optional<std::int64_t> max_questions = std::nullopt);

}  // namespace bertft::data
