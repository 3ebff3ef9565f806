#pragma once

// clang-format off: an option stands on one line, however long

#include <optional>

#include "bertft/util/option.h"

namespace bertft::optim {

enum class Schedule { kLinear, kCosine, kConstant, kConstantWithWarmup };
inline std::vector<OptionName<Schedule>> option_names(Schedule) {
  return {{Schedule::kLinear, "linear"},
          {Schedule::kCosine, "cosine"},
          {Schedule::kConstant, "constant"},
          {Schedule::kConstantWithWarmup, "constant_with_warmup"}};
}

/// AdamW, its schedule and clipping; Hugging Face's names and defaults.
struct OptimOptions {
  double learning_rate = 5e-5;
  double weight_decay = 0.0;
  double adam_beta1 = 0.9;
  double adam_beta2 = 0.999;
  double adam_epsilon = 1e-8;
  std::optional<double> max_grad_norm = 1.0;
  Schedule lr_scheduler_type = Schedule::kLinear;
  double warmup_steps = 0;
};

template <class Visitor>
void visit(Visitor& v, OptimOptions& o) {
  v.field("learning_rate", o.learning_rate, {.help = "peak learning rate", .at_least = 0});
  v.field("weight_decay", o.weight_decay, {.help = "decoupled weight decay; biases and LayerNorms are spared", .at_least = 0});
  v.field("adam_beta1", o.adam_beta1, {.help = "decay of the gradient's running mean", .at_least = 0, .below = 1});
  v.field("adam_beta2", o.adam_beta2, {.help = "decay of the squared gradient's running mean", .at_least = 0, .below = 1});
  v.field("adam_epsilon", o.adam_epsilon, {.help = "added to the denominator of an update", .above = 0});
  v.field("max_grad_norm", o.max_grad_norm, {.help = "clip gradients to this L2 norm over all parameters; null or 0: no clipping", .above = 0, .read_as_unset = 0});
  v.field("lr_scheduler_type", o.lr_scheduler_type, {.help = "course of the learning rate after warm-up; constant has no warm-up"});
  v.field("warmup_steps", o.warmup_steps, {.help = "steps of linear warm-up; below 1: share of all steps", .unit = "steps", .at_least = 0});
}

}  // namespace bertft::optim
