#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "bertft/data/features.h"
#include "bertft/eval/task.h"

namespace bertft::eval {

/// One candidate answer. Offsets count code points of the context; 0, 0 is "no answer".
struct Candidate {
  std::string text;
  float start_logit, end_logit;
  std::uint32_t char_begin, char_end;
  double probability;  // softmax over the list: float32 arithmetic unless run_qa's "empty" was inserted
};

/// What is decided for one question.
struct Prediction {
  std::string text;               // "" is "no answer"
  std::vector<Candidate> n_best;  // best first, at most n_best_size + 1
  double null_odds = 0;           // score of no answer minus score of the best answer; v2 only
  std::string best_text = {};     // the best answer, whatever the threshold makes of it
};

/// Logits of one window, without padding: [length(window)] each.
struct WindowLogits {
  std::span<const float> start, end;
};

/// The rules of run_qa's postprocess_qa_predictions(): the windows of one question in, its answer out.
/// Ties in the top n are broken by the highest index first.
///
/// logits[i] belongs to windows[i]; all windows are of one question of the task, in order.
/// throws DivergedError when a logit is not finite, ShapeError when there are not as many as tokens
Prediction decode_question(const Task& task, std::span<const data::Window> windows,
                           std::span<const WindowLogits> logits);

}  // namespace bertft::eval
