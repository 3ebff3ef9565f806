#include "bertft/eval/decode.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <optional>
#include <utility>

#include "bertft/util/code_point_index.h"
#include "bertft/util/error.h"
#include "bertft/util/text.h"
#include "eval/as_float.h"

// Scores are float32 and every comparison is made on them, as numpy makes it.

namespace bertft::eval {
namespace {

struct ScoredSpan {
  float score, start_logit, end_logit;
  tokenizer::Token first, last;  // of the context

  static ScoredSpan no_answer(const WindowLogits& logits) {
    const float start = logits.start.front();  // [CLS]
    const float end = logits.end.front();
    return {start + end, start, end, {}, {}};
  }
  bool is_no_answer() const { return last.char_end == 0; }
};

void check_logits(std::span<const float> logits, std::size_t length, const data::Question& question) {
  if (logits.size() != length) {
    throw ShapeError(fmt::format("question '{}': {} logits for a window of {} tokens", printable(question.id),
                                 logits.size(), length));
  }
  if (!std::all_of(logits.begin(), logits.end(), [](float x) { return std::isfinite(x); })) {
    throw DivergedError(fmt::format(
        "question '{}': the model's logits are not finite.\nEvaluate in fp32; if that does not help, the weights are "
        "of a run that diverged.",
        printable(question.id)));
  }
}

// Positions of the n largest logits, largest first. numpy.argsort leaves ties open; here the
// highest position comes first, which is what numpy 2.4 makes of a row of equals.
std::vector<std::uint32_t> top_positions(std::span<const float> logits, std::size_t n) {
  std::vector<std::uint32_t> positions(logits.size());
  std::iota(positions.begin(), positions.end(), 0U);
  const auto end = positions.begin() + static_cast<std::ptrdiff_t>(std::min(n, positions.size()));
  std::partial_sort(positions.begin(), end, positions.end(), [&](std::uint32_t a, std::uint32_t b) {
    return logits[a] != logits[b] ? logits[a] > logits[b] : a > b;
  });
  positions.erase(end, positions.end());
  return positions;
}

// Every pair of a top start and a top end that is an answer in this window.
void append_spans(const Task& task, const data::Window& window, const WindowLogits& logits,
                  std::vector<ScoredSpan>& spans) {
  const auto n = static_cast<std::size_t>(task.options.n_best_size);
  const std::span<const tokenizer::Token> context = task.features.context_tokens(window);
  const std::uint32_t first = task.features.first_context_position(window);
  const auto in_context = [&](std::uint32_t position) {
    return position >= first && position - first < context.size();
  };

  const std::vector<std::uint32_t> ends = top_positions(logits.end, n);
  for (const std::uint32_t start : top_positions(logits.start, n)) {
    if (!in_context(start)) continue;
    for (const std::uint32_t end : ends) {
      if (!in_context(end) || end < start || end - start >= task.options.max_answer_length) continue;
      spans.push_back({logits.start[start] + logits.end[end], logits.start[start], logits.end[end],
                       context[start - first], context[end - first]});
    }
  }
}

// The n best spans, best first; with_negative, no answer is one of them or follows them.
std::vector<ScoredSpan> keep_best(std::vector<ScoredSpan> spans, const ScoredSpan& no_answer, std::size_t n,
                                  bool with_negative) {
  if (with_negative) spans.push_back(no_answer);
  std::stable_sort(spans.begin(), spans.end(),
                   [](const ScoredSpan& a, const ScoredSpan& b) { return a.score > b.score; });
  spans.resize(std::min(n, spans.size()), no_answer);
  const bool holds_no_answer = std::any_of(spans.begin(), spans.end(), [](const auto& s) { return s.is_no_answer(); });
  if (with_negative && !holds_no_answer) spans.push_back(no_answer);
  return spans;
}

Candidate to_candidate(const ScoredSpan& span, std::string_view context, const CodePointIndex& index) {
  const std::uint32_t char_begin = span.first.char_begin, char_end = span.last.char_end;
  const std::size_t begin = index.byte_offset(char_begin);
  return {std::string(context.substr(begin, index.byte_offset(char_end) - begin)),
          span.start_logit,
          span.end_logit,
          char_begin,
          char_end,
          0};
}

// Softmax over the list. T is numpy's type for it: float, or double once a Python float is in it.
template <class T>
void set_probabilities(std::vector<Candidate>& candidates) {
  std::vector<T> exponentials;
  for (const Candidate& c : candidates) exponentials.push_back(c.start_logit + c.end_logit);
  const T largest = *std::max_element(exponentials.begin(), exponentials.end());
  for (T& x : exponentials) x = std::exp(x - largest);
  const T sum = static_cast<T>(std::accumulate(exponentials.begin(), exponentials.end(), 0.0));
  for (std::size_t i = 0; i < candidates.size(); ++i) candidates[i].probability = exponentials[i] / sum;
}

}  // namespace

Prediction decode_question(const Task& task, std::span<const data::Window> windows,
                           std::span<const WindowLogits> logits) {
  if (windows.empty() || windows.size() != logits.size()) {
    throw ShapeError(fmt::format("{} windows with logits of {}", windows.size(), logits.size()));
  }
  const data::Question& question = task.dataset.questions[windows[0].question_idx];
  std::vector<ScoredSpan> spans;
  std::optional<ScoredSpan> no_answer;  // the least sure of the windows'
  for (std::size_t i = 0; i < windows.size(); ++i) {
    const std::size_t length = task.features.length(windows[i]);
    check_logits(logits[i].start, length, question);
    check_logits(logits[i].end, length, question);
    append_spans(task, windows[i], logits[i], spans);
    const ScoredSpan here = ScoredSpan::no_answer(logits[i]);
    if (!no_answer || here.score < no_answer->score) no_answer = here;
  }

  Prediction prediction;
  std::vector<Candidate>& n_best = prediction.n_best;
  const std::string_view context = task.dataset.contexts[question.context_idx];
  const CodePointIndex index(context);
  for (const ScoredSpan& span : keep_best(std::move(spans), *no_answer,
                                          static_cast<std::size_t>(task.options.n_best_size), task.with_negative)) {
    n_best.push_back(to_candidate(span, context, index));
  }
  // run_qa puts "empty" into a list without any text, or fails there when it has several entries.
  const auto has_text = [](const Candidate& c) { return !c.text.empty(); };
  if (std::none_of(n_best.begin(), n_best.end(), has_text)) {
    n_best.insert(n_best.begin(), {"empty", 0, 0, 0, 0, 0});
    set_probabilities<double>(n_best);
  } else {
    set_probabilities<float>(n_best);
  }
  if (!task.with_negative) {
    prediction.text = prediction.best_text = n_best.front().text;
    return prediction;
  }
  const Candidate& best = *std::find_if(n_best.begin(), n_best.end(), has_text);
  const float null_odds = no_answer->score - best.start_logit - best.end_logit;
  prediction.null_odds = null_odds;
  prediction.best_text = best.text;
  if (!(null_odds > as_float(task.null_score_diff_threshold))) prediction.text = best.text;
  return prediction;
}

}  // namespace bertft::eval
