#include "bertft/data/features.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "bertft/util/error.h"
#include "bertft/util/text.h"
#include "data/cutting.h"
#include "data/label.h"

namespace bertft::data {
namespace {

// Of a window of full length, for the question and its context.
std::int64_t room_of_texts(const Tokens& tokens, const DataOptions& options) {
  return options.max_seq_length - (kNumSpecialTokens - 1 + tokens.special.seps_between);
}

// What the fast tokenizer would stop at; nothing when the context can be cut.
std::optional<std::string> reason_not_to_cut(std::int64_t num_question_tokens, std::int64_t num_context_tokens,
                                             std::int64_t room_of_texts, const DataOptions& options) {
  const std::int64_t room = room_of_texts - num_question_tokens;
  if (num_context_tokens <= room) return std::nullopt;
  if (room <= 0) {
    return fmt::format("the question's {} tokens leave no room for its context at max_seq_length {}",
                       num_question_tokens, options.max_seq_length);
  }
  if (options.doc_stride >= room) {
    return fmt::format("the question's {} tokens leave room for {} of context, not more than doc_stride {}",
                       num_question_tokens, room, options.doc_stride);
  }
  return std::nullopt;
}

void cut_windows(Features& features, std::uint32_t question_idx, const Answer* answer, bool is_labelled,
                 const DataOptions& options) {
  Window window{.question_idx = question_idx,
                .window_idx = 0,
                .context_begin = 0,
                .num_context_tokens = 0,
                .start_label = 0,
                .end_label = 0,
                .is_labelled = is_labelled};
  const auto num_question_tokens = static_cast<std::uint32_t>(features.question_tokens(window).size());
  const std::uint32_t context_idx = features.context_of[question_idx];
  const auto num_tokens = static_cast<std::uint32_t>(features.tokens.contexts[context_idx].size());
  const auto room = static_cast<std::uint32_t>(
      std::max<std::int64_t>(0, room_of_texts(features.tokens, options) - num_question_tokens));
  const auto doc_stride = static_cast<std::uint32_t>(options.doc_stride);
  for (;; window.context_begin += room - doc_stride, ++window.window_idx) {
    window.num_context_tokens = std::min(room, num_tokens - window.context_begin);
    if (answer != nullptr) {
      const Label label = label_of(*answer, features.context_tokens(window), features.first_context_position(window),
                                   options.fix_last_token_label);
      window.start_label = label.start;
      window.end_label = label.end;
    }
    features.windows.push_back(window);
    if (window.context_begin + window.num_context_tokens == num_tokens) return;
  }
}

// The answer that the labels are of; null for a question that is taken for unanswerable.
const Answer* labelling_answer(const Question& question, Purpose purpose) {
  if (question.answers.empty() || (question.is_impossible && !question.has_answer())) return nullptr;
  if (purpose == Purpose::kEvaluation) {
    const auto aligned = std::ranges::find_if(question.answers, &Answer::aligned);
    if (aligned != question.answers.end()) return &*aligned;
  }
  return &question.answers.front();
}

[[noreturn]] void fail_misaligned(const Dataset& dataset, const Question& question) {
  throw DataError(
      fmt::format("{}: question '{}': its answer '{}' is not at answer_start {}.\n"
                  "on_misaligned: skip leaves such questions out of training; data check lists them all.",
                  printable(dataset.name), printable(question.id, 60), printable(question.answers.front().text, 60),
                  question.answers.front().char_start));
}

}  // namespace

std::span<const tokenizer::Token> Features::question_tokens(const Window& w) const {
  return tokens.questions[w.question_idx];
}

std::span<const tokenizer::Token> Features::context_tokens(const Window& w) const {
  return tokens.contexts[context_of[w.question_idx]].subspan(w.context_begin, w.num_context_tokens);
}

void Features::keep_first(std::optional<std::int64_t> max_windows) {
  if (!max_windows || *max_windows >= std::ssize(windows)) return;
  num_windows_left_out = windows.size() - static_cast<std::size_t>(*max_windows);
  windows.resize(static_cast<std::size_t>(*max_windows));
}

std::uint32_t Features::length(const Window& w) const {
  return first_context_position(w) + w.num_context_tokens + 1;
}

std::uint32_t Features::max_length() const {
  std::uint32_t longest = 0;
  for (const Window& window : windows) longest = std::max(longest, length(window));
  return longest;
}

std::uint32_t Features::first_context_position(const Window& w) const {
  return static_cast<std::uint32_t>(question_tokens(w).size()) + 1 + tokens.special.seps_between;
}

Features cut_features(const Dataset& dataset, Tokens tokens, const DataOptions& options, Purpose purpose,
                      const OnNoRoom& on_no_room) {
  const std::int64_t room = room_of_texts(tokens, options);
  if (options.doc_stride < 0 || options.doc_stride >= room) {
    throw ConfigError(fmt::format(
        "doc_stride is {}; windows of max_seq_length {} can overlap by 0 to {} tokens.\nLower doc_stride, it is the "
        "overlap of neighbouring windows.",
        options.doc_stride, options.max_seq_length, std::max<std::int64_t>(0, room - 1)));
  }
  Features features;
  features.tokens = std::move(tokens);
  features.context_of.reserve(dataset.questions.size());
  for (const Question& question : dataset.questions) features.context_of.push_back(question.context_idx);
  for (std::uint32_t i = 0; i < dataset.questions.size(); ++i) {
    const Question& question = dataset.questions[i];
    const Answer* answer = labelling_answer(question, purpose);
    const bool is_labelled = answer == nullptr || answer->aligned || options.on_misaligned == OnMisaligned::kKeep;
    if (!is_labelled) {
      if (purpose == Purpose::kTraining) {
        if (options.on_misaligned == OnMisaligned::kError) fail_misaligned(dataset, question);
        ++features.num_skipped_questions;
        continue;
      }
      ++features.num_unlabelled_questions;
      answer = nullptr;
    }
    if (const auto reason =
            reason_not_to_cut(std::ssize(features.tokens.questions[i]),
                              std::ssize(features.tokens.contexts[question.context_idx]), room, options)) {
      on_no_room(i, *reason);
      continue;
    }
    cut_windows(features, i, answer, is_labelled, options);
  }
  return features;
}

Features make_features(const Dataset& dataset, Tokens tokens, const DataOptions& options, Purpose purpose) {
  const auto refuse = [&](std::uint32_t question_idx, const std::string& what) {
    throw DataError(
        fmt::format("{}: question '{}': {}.\nShorten the question, raise max_seq_length or lower doc_stride.",
                    printable(dataset.name), printable(dataset.questions[question_idx].id, 60), what));
  };
  Features features = cut_features(dataset, std::move(tokens), options, purpose, refuse);
  if (features.windows.empty()) {
    throw DataError(fmt::format("{}: no usable question: {} of {} are misaligned or empty.\ndata check lists them.",
                                printable(dataset.name), features.num_skipped_questions, dataset.questions.size()));
  }
  return features;
}

Features make_features(const Dataset& dataset, const tokenizer::Tokenizer& tokenizer, const DataOptions& options,
                       Purpose purpose) {
  return make_features(dataset, tokenize(dataset, tokenizer), options, purpose);
}

}  // namespace bertft::data
