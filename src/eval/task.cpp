#include "bertft/eval/task.h"

#include <optional>

namespace bertft::eval {

Metrics score(const Task& task, const std::vector<Prediction>& predictions) {
  Predictions texts;
  std::optional<NullOdds> odds;
  if (task.with_negative) odds.emplace();
  for (std::size_t i = 0; i < predictions.size(); ++i) {
    const std::string& id = task.dataset.questions[i].id;
    texts.emplace(id, predictions[i].text);
    if (odds) odds->emplace_back(id, predictions[i].null_odds);
  }
  // Odds serve the threshold search only: taken as probabilities they would flip answers.
  return evaluate(task.dataset, texts, odds, MissingPredictions::kError, std::nullopt);
}

}  // namespace bertft::eval
