#include "bertft/eval/metric.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <limits>
#include <unordered_map>

#include "bertft/util/error.h"
#include "bertft/util/text.h"
#include "eval/as_float.h"

// Sums run in data-set order, so that the last digit equals that of the script's sum() up to Python 3.11; from 3.12 on
// sum() compensates for rounding.

namespace bertft::eval {
namespace {

using Tokens = std::vector<std::string_view>;

// The words of a normalised text, sorted.
Tokens sorted_tokens(std::string_view normalized) {
  Tokens tokens;
  for (std::size_t begin = 0; begin < normalized.size();) {
    const std::size_t end = std::min(normalized.find(' ', begin), normalized.size());
    tokens.push_back(normalized.substr(begin, end - begin));
    begin = end + 1;
  }
  std::sort(tokens.begin(), tokens.end());
  return tokens;
}

double token_f1(const Tokens& gold, const Tokens& predicted) {
  if (gold.empty() || predicted.empty()) return gold.empty() == predicted.empty() ? 1 : 0;
  Tokens common;  // of two sorted multisets
  std::set_intersection(gold.begin(), gold.end(), predicted.begin(), predicted.end(), std::back_inserter(common));
  if (common.empty()) return 0;
  const auto num_same = static_cast<double>(common.size());
  const double precision = num_same / static_cast<double>(predicted.size());
  const double recall = num_same / static_cast<double>(gold.size());
  return 2 * precision * recall / (precision + recall);
}

// A question that has a prediction.
struct Scored {
  const data::Question* question;
  bool has_answer;
  QuestionScore score;
  // For the search of the best threshold, which asks what an answer is worth once it is given.
  bool answers_nothing;                       // literally "", which is not the same as an empty normalised text
  QuestionScore answer_score, nothing_score;  // of that answer, and of none
  double null_odds = 0;

  QuestionScore thresholded(std::optional<double> na_prob_threshold) const {
    return na_prob_threshold && null_odds > *na_prob_threshold ? nothing_score : score;
  }
};

[[noreturn]] void fail_missing(const std::vector<std::string_view>& ids, std::size_t num_questions) {
  constexpr std::size_t kNamed = 3;
  std::string named;
  for (std::size_t i = 0; i < std::min(ids.size(), kNamed); ++i) {
    named += fmt::format("{}'{}'", i == 0 ? "" : ", ", printable(ids[i]));
  }
  if (ids.size() > kNamed) named += fmt::format(" and {} more", with_thousands(ids.size() - kNamed));
  throw DataError(fmt::format(
      "{} of {} questions have no prediction: {}.\nComplete the predictions, or leave these questions out of the score "
      "with --allow-missing.",
      with_thousands(ids.size()), with_thousands(num_questions), named));
}

std::vector<Scored> score_questions(const data::Dataset& dataset, const Predictions& predictions,
                                    const Scoring& scoring) {
  std::vector<Scored> scored;
  std::vector<std::string_view> without;
  scored.reserve(dataset.questions.size());
  for (const data::Question& question : dataset.questions) {
    const auto found = predictions.find(question.id);
    if (found == predictions.end()) {
      without.push_back(question.id);
      continue;
    }
    const std::string& prediction = found->second;
    const QuestionScore score = score_question(question, prediction);
    const bool has_answer = !question.answers.empty();  // as the official script counts: one of nothing too
    const double agreed = has_answer ? 0 : 1;
    Scored& s = scored.emplace_back(Scored{&question, has_answer, score, prediction.empty(), score, {agreed, agreed}});
    // The script gives nothing for no answer where the right one is empty once it is normalised ("the").
    if (has_answer && !scoring.na_prob_threshold) s.nothing_score = score_question(question, "");
    if (!prediction.empty()) continue;
    const auto answer = scoring.best_answers.find(question.id);
    if (answer == scoring.best_answers.end()) continue;
    s.answers_nothing = answer->second.empty();
    if (s.has_answer) s.answer_score = score_question(question, answer->second);
  }
  if (scored.empty()) {
    throw DataError("none of the data set's questions has a prediction.\nDo the predictions belong to this data set?");
  }
  if (!without.empty() && scoring.missing == MissingPredictions::kError)
    fail_missing(without, dataset.questions.size());
  return scored;
}

// Fills in the null odds and returns the questions by rising odds.
std::vector<const Scored*> order_by_null_odds(std::vector<Scored>& scored, const NullOdds& null_odds) {
  std::unordered_map<std::string_view, Scored*> by_id;
  for (Scored& s : scored) by_id.emplace(s.question->id, &s);

  std::vector<const Scored*> order;
  for (const auto& [id, odds] : null_odds) {
    const auto found = by_id.find(id);
    if (found == by_id.end()) continue;
    found->second->null_odds = odds;
    order.push_back(found->second);
    by_id.erase(found);
  }
  const auto without =
      std::find_if(scored.begin(), scored.end(), [&](const Scored& s) { return by_id.contains(s.question->id); });
  if (without != scored.end()) {
    throw DataError(fmt::format(
        "question '{}' has a prediction and no null odds ({} such questions).\nUse the null_odds.json that was "
        "written together with the predictions.",
        printable(without->question->id), with_thousands(by_id.size())));
  }
  std::stable_sort(order.begin(), order.end(),
                   [](const Scored* a, const Scored* b) { return a->null_odds < b->null_odds; });
  return order;
}

struct BestThreshold {
  double percent, threshold;
};

// Raises the threshold question by question, from `answers_nothing`, below all odds, to answering everything.
BestThreshold find_best_threshold(const std::vector<const Scored*>& by_odds, double answers_nothing,
                                  double QuestionScore::* metric) {
  double sum = 0;
  for (const Scored* s : by_odds) sum += s->nothing_score.*metric;
  double best_sum = sum;
  double threshold = answers_nothing;
  for (const Scored* s : by_odds) {
    const double loss_of_answering = s->answers_nothing ? 0 : -1;
    sum += s->has_answer ? s->answer_score.*metric - s->nothing_score.*metric : loss_of_answering;
    if (sum > best_sum) {
      best_sum = sum;
      threshold = s->null_odds;
    }
  }
  return {100.0 * best_sum / static_cast<double>(by_odds.size()), threshold};
}

template <class Belongs>
std::optional<Metrics::Group> mean_percent(const std::vector<Scored>& scored, std::optional<double> na_prob_threshold,
                                           Belongs belongs) {
  Metrics::Group sum{};
  for (const Scored& s : scored) {
    if (!belongs(s)) continue;
    const QuestionScore score = s.thresholded(na_prob_threshold);
    sum.exact += score.exact;
    sum.f1 += score.f1;
    ++sum.total;
  }
  if (sum.total == 0) return std::nullopt;
  const auto total = static_cast<double>(sum.total);
  return Metrics::Group{100.0 * sum.exact / total, 100.0 * sum.f1 / total, sum.total};
}

}  // namespace

QuestionScore score_question(const data::Question& question, std::string_view prediction) {
  std::vector<std::string> golds;
  for (const data::Answer& answer : question.answers) {
    std::string gold = normalize_answer(answer.text);
    if (!gold.empty()) golds.push_back(std::move(gold));
  }
  if (golds.empty()) golds.emplace_back();  // "no answer" is the only right one

  const std::string normal_prediction = normalize_answer(prediction);
  const Tokens predicted = sorted_tokens(normal_prediction);
  QuestionScore best{};
  for (const std::string& gold : golds) {
    best.exact = std::max(best.exact, gold == normal_prediction ? 1.0 : 0.0);
    best.f1 = std::max(best.f1, token_f1(sorted_tokens(gold), predicted));
  }
  return best;
}

Metrics evaluate(const data::Dataset& dataset, const Predictions& predictions, const Scoring& scoring) {
  std::vector<Scored> scored = score_questions(dataset, predictions, scoring);

  Metrics metrics;
  if (scoring.null_odds) {
    const std::vector<const Scored*> by_odds = order_by_null_odds(scored, *scoring.null_odds);
    // The script begins at 0, which probabilities are never below; raw scores are.
    // A threshold below them has to be below as a float, too, which is what a model's odds are compared as.
    constexpr float kInfinity = std::numeric_limits<float>::infinity();
    const double below_all = by_odds.empty() ? 0 : std::nextafter(as_float(by_odds.front()->null_odds), -kInfinity);
    const double answers_nothing = scoring.na_prob_threshold ? 0 : std::min(0.0, below_all);
    const BestThreshold exact = find_best_threshold(by_odds, answers_nothing, &QuestionScore::exact);
    const BestThreshold f1 = find_best_threshold(by_odds, answers_nothing, &QuestionScore::f1);
    metrics.best = {exact.percent, exact.threshold, f1.percent, f1.threshold};
  }
  const std::optional<double> na_prob_threshold = scoring.na_prob_threshold;
  const Metrics::Group overall = *mean_percent(scored, na_prob_threshold, [](const Scored&) { return true; });
  metrics.exact = overall.exact;
  metrics.f1 = overall.f1;
  metrics.total = overall.total;
  metrics.has_answer = mean_percent(scored, na_prob_threshold, [](const Scored& s) { return s.has_answer; });
  metrics.no_answer = mean_percent(scored, na_prob_threshold, [](const Scored& s) { return !s.has_answer; });
  return metrics;
}

Json Metrics::to_json(std::string_view prefix) const {
  Json json = Json::object();
  const auto add = [&](std::string_view key, auto value) { json[fmt::format("{}{}", prefix, key)] = value; };
  const auto add_group = [&](std::string_view name, const Group& group) {
    add(fmt::format("{}exact", name), group.exact);
    add(fmt::format("{}f1", name), group.f1);
    add(fmt::format("{}total", name), group.total);
  };
  add_group("", {exact, f1, total});
  if (has_answer) add_group("HasAns_", *has_answer);
  if (no_answer) add_group("NoAns_", *no_answer);
  if (best) {
    add("best_exact", best->exact);
    add("best_exact_thresh", best->exact_threshold);
    add("best_f1", best->f1);
    add("best_f1_thresh", best->f1_threshold);
  }
  return json;
}

}  // namespace bertft::eval
