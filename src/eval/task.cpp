#include "bertft/eval/task.h"

#include <optional>

namespace bertft::eval {

Metrics score(const Task& task, const std::vector<Prediction>& predictions) {
  Predictions texts, best_answers;
  std::optional<NullOdds> odds;
  if (task.with_negative) odds.emplace();
  for (std::size_t i = 0; i < predictions.size(); ++i) {
    const std::string& id = task.dataset.questions[i].id;
    texts.emplace(id, predictions[i].text);
    if (!odds) continue;
    odds->emplace_back(id, predictions[i].null_odds);
    if (predictions[i].text.empty()) best_answers.emplace(id, predictions[i].best_text);
  }
  // Odds serve the threshold search only: taken as probabilities they would flip answers.
  return evaluate(task.dataset, texts, odds, MissingPredictions::kError, std::nullopt, &best_answers);
}

}  // namespace bertft::eval
