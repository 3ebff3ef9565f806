#pragma once

#include <vector>

#include "bertft/eval/decode.h"
#include "bertft/eval/metric.h"

namespace bertft::eval {

struct Answers {
  std::vector<Prediction> predictions;  // [questions]
  double loss = 0;                      // mean over the windows whose label is known; 0 of none
};

/// The official metric of the answers. Under SQuAD 2.0 rules with the best thresholds, in whose
/// search every question has its best answer, also where the threshold in force gives none.
Metrics score(const Task& task, const std::vector<Prediction>& predictions);

}  // namespace bertft::eval
