#pragma once

#include "bertft/data/dataset.h"
#include "bertft/data/features.h"
#include "bertft/eval/options.h"

namespace bertft::eval {

/// What is evaluated, and how. References must outlive the call.
struct Task {
  const data::Dataset& dataset;
  const data::Features& features;  // made for kEvaluation
  const EvalOptions& options;
  double null_score_diff_threshold;
  bool with_negative;  // SQuAD 2.0 rules: the null answer competes, the threshold applies
};

}  // namespace bertft::eval
