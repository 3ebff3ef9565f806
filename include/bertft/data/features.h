#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "bertft/data/dataset.h"
#include "bertft/data/options.h"
#include "bertft/data/tokens.h"
#include "bertft/tokenizer/tokenizer.h"

namespace bertft::data {

/// One window: [CLS] question [SEP] context slice [SEP], where a tokenizer may put two [SEP] between. Labels are token
/// positions in the window; 0, 0 ([CLS]) when it holds no answer, and where is_labelled is false, which only an
/// evaluation's may be.
struct Window {
  std::uint32_t question_idx;   // into Dataset::questions
  std::uint32_t window_idx;     // 0, 1, ... within the question
  std::uint32_t context_begin;  // first context token, counted within its context
  std::uint32_t num_context_tokens;
  std::uint32_t start_label, end_label;
  bool is_labelled = true;  // false: where the question's answer stands is not known
};

/// The tokens of a whole data set and its windows, in file order; windows are views.
struct Features {
  Tokens tokens;
  std::vector<std::uint32_t> context_of;  // [questions]
  std::vector<Window> windows;
  std::uint32_t num_skipped_questions = 0;     // misaligned, left out of training
  std::uint32_t num_unlabelled_questions = 0;  // misaligned, in an evaluation
  std::size_t num_windows_left_out = 0;        // by keep_first()

  /// Leaves out the windows after the first so many.
  void keep_first(std::optional<std::int64_t> max_windows);

  std::span<const tokenizer::Token> question_tokens(const Window& w) const;
  std::span<const tokenizer::Token> context_tokens(const Window& w) const;

  /// Calls take(id, type_id, token) for every token of the window; `token` is the context's, null elsewhere.
  template <class Take>
  void for_each_token(const Window& w, const Take& take) const;

  /// Tokens in the window, with [CLS] and every [SEP].
  std::uint32_t length(const Window& w) const;
  /// The same of the longest window; 0 without any.
  std::uint32_t max_length() const;
  /// Position of the window's first context token.
  std::uint32_t first_context_position(const Window& w) const;
};

template <class Take>
void Features::for_each_token(const Window& w, const Take& take) const {
  constexpr const tokenizer::Token* kNone = nullptr;
  take(tokens.special.cls, 0, kNone);
  for (const tokenizer::Token& token : question_tokens(w)) take(token.id, 0, kNone);
  for (std::uint32_t i = 0; i < tokens.special.seps_between; ++i) take(tokens.special.sep, 0, kNone);
  for (const tokenizer::Token& token : context_tokens(w)) take(token.id, tokens.special.context_type, &token);
  take(tokens.special.sep, tokens.special.context_type, kNone);
}

/// kTraining drops misaligned questions as on_misaligned says and computes labels;
/// kEvaluation keeps every question and labels those windows it can (for the loss): by the first answer that
/// stands where it should, where training, as run_qa, goes by the first.
enum class Purpose { kTraining, kEvaluation };

/// Cuts windows and labels exactly as run_qa.py does, its quirk in the label of a window's last token
/// only when options.fix_last_token_label is false.
///
/// throws ConfigError when the lengths leave no room for any context (doc_stride too large),
///        DataError naming the question whose own length leaves none, or a misaligned answer
///        under on_misaligned: error
Features make_features(const Dataset& dataset, Tokens tokens, const DataOptions& options, Purpose purpose);
/// The same of texts that are not tokenized yet.
Features make_features(const Dataset& dataset, const tokenizer::Tokenizer& tokenizer, const DataOptions& options,
                       Purpose purpose);

}  // namespace bertft::data
