#pragma once

#include <cstdint>

#include "bertft/optim/options.h"

namespace bertft::optim {

/// Steps of warm-up. `warmup_steps` as Hugging Face reads it: from 1 on a number of steps, below 1 a share of
/// all steps, rounded up. The schedule `constant` has none, as there.
std::int64_t warmup_step_count(const OptimOptions& options, std::int64_t total_steps);

/// What the peak learning rate is multiplied by at step `step`, counted from 0: transformers'
/// get_{linear,cosine,constant}_schedule_with_warmup. `warmup`: of warmup_step_count().
double schedule_factor(Schedule schedule, std::int64_t step, std::int64_t warmup, std::int64_t total);

}  // namespace bertft::optim
