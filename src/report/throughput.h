#pragma once

#include <cstdint>
#include <functional>
#include <optional>

namespace bertft::report {

/// Seconds of a clock that never jumps, from any origin; tests pass their own.
using Clock = std::function<double()>;
double steady_seconds();

/// Speed of training as an exponential average over the steps. The first two steps, which pay
/// for allocation and kernel selection, and pauses for evaluation and saving do not count.
class Throughput {
 public:
  /// Training goes on at `now_s`, at the start of the run or after a pause.
  void resume(double now_s) { last_s_ = now_s; }
  void step_finished(double now_s, std::int64_t num_features);

  /// Both are unknown until a step counted.
  std::optional<double> features_per_s() const;
  std::optional<double> seconds_per_step() const;

 private:
  double last_s_ = 0;
  std::int64_t num_steps_ = 0;
  // Averages from zero: all three lack the same share, which cancels in their quotients.
  double steps_ = 0, features_ = 0, seconds_ = 0;
};

}  // namespace bertft::report
