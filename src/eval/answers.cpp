#include "bertft/eval/answers.h"

namespace bertft::eval {

Metrics score(const Task& task, const std::vector<Prediction>& predictions) {
  Predictions texts;
  Scoring scoring;
  scoring.na_prob_threshold.reset();  // odds serve the search only: taken as probabilities they would flip answers
  if (task.with_negative) scoring.null_odds.emplace();
  for (std::size_t i = 0; i < predictions.size(); ++i) {
    const std::string& id = task.dataset.questions[i].id;
    texts.emplace(id, predictions[i].text);
    if (!task.with_negative) continue;
    scoring.null_odds->emplace_back(id, predictions[i].null_odds);
    if (predictions[i].text.empty()) scoring.best_answers.emplace(id, predictions[i].best_text);
  }
  return evaluate(task.dataset, texts, scoring);
}

}  // namespace bertft::eval
