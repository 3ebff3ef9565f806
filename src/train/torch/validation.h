#pragma once

#include <cstdint>
#include <functional>
#include <optional>

#include "bertft/eval/answers.h"
#include "bertft/train/trainer.h"

namespace bertft::train {

/// Evaluates the model of a run. What comes of it is noted in `state`, which, as `setup`, must outlive it.
class Validation {
 public:
  /// `reclaim`: as in eval::Hooks.
  Validation(const Setup& setup, RunState& state, std::function<bool()> reclaim);

  /// After the step that `state` is at: as eval_strategy says, and always after the last one, before its checkpoint is
  /// written, so that that has the whole history.
  bool is_due() const;

  /// The answers of a step's weights, and how long they took.
  struct Answered {
    std::int64_t step;
    eval::Answers answers;
    double runtime_s;
  };
  /// What the model answers while its weights are those of `step`; null when a signal came in between.
  /// throws DivergedError, OutOfMemoryError (a single window does not fit)
  const Answered* answers_of(std::int64_t step);

  /// Notes the evaluation of the step that `state` is at, and whether it is the best so far.
  void note(const Answered& answered);

 private:
  std::optional<eval::Answers> predict(std::int64_t step);

  const Setup& s_;
  RunState& state_;
  std::function<bool()> reclaim_;
  std::optional<Answered> newest_;
};

}  // namespace bertft::train
