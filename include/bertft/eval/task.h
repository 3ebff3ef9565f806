#pragma once

#include <vector>

#include "bertft/data/dataset.h"
#include "bertft/data/features.h"
#include "bertft/eval/decode.h"
#include "bertft/eval/metric.h"

namespace bertft::eval {

/// What is evaluated, and how. References must outlive the call.
struct Task {
  const data::Dataset& dataset;
  const data::Features& features;  // made for kEvaluation
  const EvalOptions& options;
  double null_score_diff_threshold;
  bool with_negative;
};

struct Answers {
  std::vector<Prediction> predictions;  // [questions]
  double loss = 0;                      // mean over all windows
};

/// The official metric of the answers. Under SQuAD 2.0 rules with the best thresholds, in whose
/// search every question has its best answer, also where the threshold in force gives none.
Metrics score(const Task& task, const std::vector<Prediction>& predictions);

}  // namespace bertft::eval
