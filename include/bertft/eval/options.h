#pragma once

// clang-format off: an option stands on one line, however long

#include <cstdint>
#include <optional>

#include "bertft/util/option.h"

namespace bertft::eval {

/// How logits become answers. Names and defaults follow run_qa.py.
struct EvalOptions {
  std::int64_t per_device_eval_batch_size = 8;
  std::int64_t n_best_size = 20;
  std::int64_t max_answer_length = 30;
  std::optional<double> null_score_diff_threshold = 0.0;
};

template <class Visitor>
void visit(Visitor& v, EvalOptions& o) {
  v.field("per_device_eval_batch_size", o.per_device_eval_batch_size, {.help = "features evaluated at a time", .unit = "features", .at_least = 1, .at_most = 1e8, .aliases = {"per_gpu_eval_batch_size"}, .is_free_to_change = true});
  v.field("n_best_size", o.n_best_size, {.help = "candidate answers kept for each question", .at_least = 1});
  v.field("max_answer_length", o.max_answer_length, {.help = "longest answer", .unit = "tokens", .at_least = 1});
  v.field("null_score_diff_threshold", o.null_score_diff_threshold, {.help = "answer nothing when the null score exceeds the best answer's by more than this; auto: the tuned value stored in the checkpoint", .unset_name = "auto"});
}

}  // namespace bertft::eval
