#include "bertft/data/features.h"

#include <fmt/format.h>

#include <algorithm>
#include <future>
#include <numeric>
#include <utility>

#include "bertft/util/error.h"
#include "bertft/util/text.h"
#include "data/cutting.h"
#include "data/label.h"
#include "data/white_space.h"

namespace bertft::data {
namespace {

constexpr std::int64_t kNumSpecialTokens = 3;  // [CLS] question [SEP] context [SEP]

// Appends the tokens of `texts` and returns how many each has.
std::vector<std::uint64_t> encode_each(const tokenizer::Tokenizer& tokenizer, std::span<const std::string_view> texts,
                                       std::vector<tokenizer::Token>& tokens) {
  std::vector<std::uint64_t> counts;
  counts.reserve(texts.size());
  for (const std::string_view text : texts) {
    const std::size_t before = tokens.size();
    tokenizer.encode(text, tokens);
    counts.push_back(tokens.size() - before);
  }
  return counts;
}

std::size_t num_bytes(std::span<const std::string_view> texts) {
  return std::accumulate(texts.begin(), texts.end(), std::size_t{0},
                         [](std::size_t sum, std::string_view text) { return sum + text.size(); });
}

// How many of `texts` make half of their bytes.
std::size_t middle_of(std::span<const std::string_view> texts) {
  const std::size_t half = num_bytes(texts) / 2;
  std::size_t middle = 0;
  for (std::size_t bytes = 0; middle < texts.size() && bytes < half; ++middle) bytes += texts[middle].size();
  return middle;
}

// Tokens of all texts one after the other and their borders [texts + 1]. A second thread takes the
// latter half.
std::vector<std::uint64_t> encode_all(const tokenizer::Tokenizer& tokenizer, std::span<const std::string_view> texts,
                                      std::vector<tokenizer::Token>& tokens) {
  constexpr std::size_t kBytesPerToken = 4;  // of English; room that is not used costs no memory
  const std::size_t middle = middle_of(texts);
  std::vector<tokenizer::Token> second_tokens;
  auto second = std::async([&, rest = texts.subspan(middle)] {
    second_tokens.reserve(num_bytes(rest) / kBytesPerToken);
    return encode_each(tokenizer, rest, second_tokens);
  });
  tokens.reserve(num_bytes(texts) / kBytesPerToken);
  std::vector<std::uint64_t> counts = encode_each(tokenizer, texts.first(middle), tokens);
  const std::vector<std::uint64_t> second_counts = second.get();
  counts.insert(counts.end(), second_counts.begin(), second_counts.end());
  tokens.insert(tokens.end(), second_tokens.begin(), second_tokens.end());

  std::vector<std::uint64_t> borders(texts.size() + 1);
  std::partial_sum(counts.begin(), counts.end(), borders.begin() + 1);
  return borders;
}

std::size_t num_questions_used(const Dataset& dataset, std::optional<std::int64_t> max_questions) {
  const auto num_questions = static_cast<std::int64_t>(dataset.questions.size());
  return static_cast<std::size_t>(std::clamp<std::int64_t>(max_questions.value_or(num_questions), 0, num_questions));
}

// Tokens of the first `num_questions` questions and of the contexts they stand on; of the
// others there are none.
Features encode_texts(const Dataset& dataset, const tokenizer::Tokenizer& tokenizer, std::size_t num_questions) {
  Features features;
  features.special = tokenizer.special_ids();
  const std::size_t num_contexts = dataset.contexts.size();
  std::vector<std::string_view> texts(num_contexts + dataset.questions.size());  // the contexts come first
  features.context_of.reserve(dataset.questions.size());
  for (std::size_t i = 0; i < dataset.questions.size(); ++i) {
    const Question& question = dataset.questions[i];
    features.context_of.push_back(question.context_idx);
    if (i >= num_questions) continue;
    texts[num_contexts + i] = lstrip(question.text);
    texts[question.context_idx] = dataset.contexts[question.context_idx];
  }
  const std::vector<std::uint64_t> borders = encode_all(tokenizer, texts, features.tokens);
  const auto first_question = borders.begin() + static_cast<std::ptrdiff_t>(num_contexts);
  features.context_offsets.assign(borders.begin(), first_question + 1);
  features.question_offsets.assign(first_question, borders.end());
  return features;
}

// What the fast tokenizer would stop at; nothing when the context can be cut (PARITY P1.3).
std::optional<std::string> reason_not_to_cut(std::int64_t num_question_tokens, std::int64_t num_context_tokens,
                                             const DataOptions& options) {
  const std::int64_t room = options.max_seq_length - kNumSpecialTokens - num_question_tokens;
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

void cut_windows(Features& features, std::uint32_t question_idx, const Answer* answer, const DataOptions& options) {
  Window window{.question_idx = question_idx,
                .window_idx = 0,
                .context_begin = 0,
                .num_context_tokens = 0,
                .start_label = 0,
                .end_label = 0};
  const auto num_question_tokens = static_cast<std::uint32_t>(features.question_tokens(window).size());
  const std::uint32_t context_idx = features.context_of[question_idx];
  const auto num_tokens =
      static_cast<std::uint32_t>(features.context_offsets[context_idx + 1] - features.context_offsets[context_idx]);
  const auto room = static_cast<std::uint32_t>(
      std::max<std::int64_t>(0, options.max_seq_length - kNumSpecialTokens - num_question_tokens));
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

[[noreturn]] void fail_misaligned(const Dataset& dataset, const Question& question) {
  throw DataError(
      fmt::format("{}: question '{}': its answer '{}' is not at answer_start {}.\n"
                  "on_misaligned: skip leaves such questions out of training; data check lists them all.",
                  printable(dataset.name), printable(question.id, 60), printable(question.answers.front().text, 60),
                  question.answers.front().char_start));
}

}  // namespace

std::span<const tokenizer::Token> Features::question_tokens(const Window& w) const {
  const std::uint64_t begin = question_offsets[w.question_idx];
  return std::span(tokens).subspan(begin, question_offsets[w.question_idx + 1] - begin);
}

std::span<const tokenizer::Token> Features::context_tokens(const Window& w) const {
  return std::span(tokens).subspan(context_offsets[context_of[w.question_idx]] + w.context_begin, w.num_context_tokens);
}

std::uint32_t Features::length(const Window& w) const {
  return first_context_position(w) + w.num_context_tokens + 1;
}

std::uint32_t Features::first_context_position(const Window& w) const {
  return static_cast<std::uint32_t>(question_tokens(w).size()) + 2;
}

Features cut_features(const Dataset& dataset, const tokenizer::Tokenizer& tokenizer, const DataOptions& options,
                      Purpose purpose, std::optional<std::int64_t> max_questions, const OnNoRoom& on_no_room) {
  if (options.doc_stride < 0 || options.doc_stride > options.max_seq_length - 2) {
    throw ConfigError(fmt::format(
        "doc_stride is {}; windows of max_seq_length {} can overlap by 0 to {} tokens.\nLower doc_stride, it is the "
        "overlap of neighbouring windows.",
        options.doc_stride, options.max_seq_length, std::max<std::int64_t>(0, options.max_seq_length - 2)));
  }
  const std::size_t num_questions = num_questions_used(dataset, max_questions);
  Features features = encode_texts(dataset, tokenizer, num_questions);
  for (std::uint32_t i = 0; i < num_questions; ++i) {
    const Question& question = dataset.questions[i];
    const Answer* answer = question.answers.empty() ? nullptr : &question.answers.front();
    if (answer != nullptr && !answer->aligned && options.on_misaligned != OnMisaligned::kKeep) {
      if (purpose == Purpose::kTraining) {
        if (options.on_misaligned == OnMisaligned::kError) fail_misaligned(dataset, question);
        ++features.num_skipped_questions;
        continue;
      }
      answer = nullptr;
    }
    const auto num_tokens = [](const std::vector<std::uint64_t>& offsets, std::uint32_t at) {
      return static_cast<std::int64_t>(offsets[at + 1] - offsets[at]);
    };
    if (const auto reason = reason_not_to_cut(num_tokens(features.question_offsets, i),
                                              num_tokens(features.context_offsets, question.context_idx), options)) {
      on_no_room(i, *reason);
      continue;
    }
    cut_windows(features, i, answer, options);
  }
  return features;
}

Features make_features(const Dataset& dataset, const tokenizer::Tokenizer& tokenizer, const DataOptions& options,
                       Purpose purpose, std::optional<std::int64_t> max_questions) {
  const auto refuse = [&](std::uint32_t question_idx, const std::string& what) {
    throw DataError(
        fmt::format("{}: question '{}': {}.\nShorten the question, raise max_seq_length or lower doc_stride.",
                    printable(dataset.name), printable(dataset.questions[question_idx].id, 60), what));
  };
  Features features = cut_features(dataset, tokenizer, options, purpose, max_questions, refuse);
  if (features.windows.empty()) {
    throw DataError(fmt::format("{}: no usable question: {} of {} are misaligned or empty.\ndata check lists them.",
                                printable(dataset.name), features.num_skipped_questions,
                                num_questions_used(dataset, max_questions)));
  }
  return features;
}

}  // namespace bertft::data
