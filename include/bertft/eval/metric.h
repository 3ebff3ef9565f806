#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "bertft/data/dataset.h"
#include "bertft/util/json.h"

namespace bertft::eval {

/// evaluate-v2.0.py's normalisation, over full Unicode. `text` is valid UTF-8.
std::string normalize_answer(std::string_view text);

/// A question's score: the maximum over its gold answers of exact match (0 or 1) and of token F1.
struct QuestionScore {
  double exact, f1;
};
QuestionScore score_question(const data::Question& question, std::string_view prediction);

/// Predictions by question id.
using Predictions = std::map<std::string, std::string, std::less<>>;

/// Score of "no answer" against the best answer by question id. The order is that
/// of the file, which decides between equal odds in the threshold search. Ids occur once.
using NullOdds = std::vector<std::pair<std::string, double>>;

/// kExclude scores as if the data set did not have the questions without a prediction.
enum class MissingPredictions { kError, kExclude };

/// All numbers of evaluate-v2.0.py, in its key order; group and best_* values are there only
/// when the script would print them. Percent, except counts and thresholds.
struct Metrics {
  double exact = 0, f1 = 0;
  std::int64_t total = 0;
  struct Group {
    double exact, f1;
    std::int64_t total;
  };
  std::optional<Group> has_answer, no_answer;  // by whether there are gold answers, not by is_impossible
  struct Best {
    double exact, exact_threshold, f1, f1_threshold;
  };
  std::optional<Best> best;  // only with null odds

  /// The official keys in the official order; `prefix` as in "eval_".
  Json to_json(std::string_view prefix = "") const;
};

/// What predictions are scored with; the defaults are the script's.
struct Scoring {
  /// Given, the best thresholds are searched.
  std::optional<NullOdds> null_odds = {};
  /// Stand in, during the search alone, for predictions that a threshold has emptied. Without them, as in
  /// the script, no threshold above that one can be found.
  Predictions best_answers = {};
  MissingPredictions missing = MissingPredictions::kError;
  /// The script's -t: odds above it turn a prediction into "no answer" for the overall and group scores
  /// (not in the search for the best threshold). The script's 1.0 is meant for probabilities; unset
  /// turns nothing, which is what raw null odds call for.
  std::optional<double> na_prob_threshold = 1.0;
};

/// Scores a data set. Predictions and odds of other questions are ignored.
/// throws DataError naming the first questions without a prediction, unless kExclude; naming
///        one without null odds when odds are given; when no question at all has a prediction
Metrics evaluate(const data::Dataset& dataset, const Predictions& predictions, const Scoring& scoring = {});

}  // namespace bertft::eval
