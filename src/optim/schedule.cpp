#include "bertft/optim/schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace bertft::optim {

std::int64_t warmup_step_count(const OptimOptions& options, std::int64_t total_steps) {
  constexpr double kMost = 1e15;  // more is the same, and a whole number that double and integer both have
  if (options.lr_scheduler_type == Schedule::kConstant) return 0;
  if (options.warmup_steps >= 1) return static_cast<std::int64_t>(std::min(options.warmup_steps, kMost));
  return static_cast<std::int64_t>(std::ceil(static_cast<double>(total_steps) * options.warmup_steps));
}

double schedule_factor(Schedule schedule, std::int64_t step, std::int64_t warmup, std::int64_t total) {
  if (step < warmup) return static_cast<double>(step) / static_cast<double>(std::max<std::int64_t>(1, warmup));
  const double rest = static_cast<double>(std::max<std::int64_t>(1, total - warmup));
  switch (schedule) {
    case Schedule::kLinear:
      return std::max(0.0, static_cast<double>(total - step) / rest);
    case Schedule::kCosine:
      return std::max(0.0, 0.5 * (1.0 + std::cos(std::numbers::pi * static_cast<double>(step - warmup) / rest)));
    default:
      return 1.0;
  }
}

}  // namespace bertft::optim
