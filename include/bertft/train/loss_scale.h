#pragma once

#include <cstdint>

namespace bertft::train {

/// What the loss of a run in float16 is multiplied by before its backward pass, so that gradients below float16's
/// smallest number do not vanish on their way (Micikevicius et al. 2018, "Mixed precision training", section 3.2), with
/// the numbers of torch.amp.GradScaler. Always a power of two: multiplying by it and dividing again changes no bit of
/// what neither vanishes nor overflows.
class LossScale {
 public:
  LossScale() = default;
  /// As a run left it.
  LossScale(double scale, std::int64_t steps_since_change) : scale_(scale), steps_since_change_(steps_since_change) {}

  double value() const { return scale_; }
  /// Steps that were applied at this value.
  std::int64_t steps_since_change() const { return steps_since_change_; }

  /// After gradients that overflowed. returns false at 1, where the scale is not what is to blame
  bool lower() {
    steps_since_change_ = 0;
    if (scale_ <= 1) return false;
    scale_ /= 2;
    return true;
  }

  /// After a step that was applied: so many in a row, and a larger scale is tried.
  void note_applied() {
    constexpr std::int64_t kGrowthInterval = 2000;
    if (++steps_since_change_ < kGrowthInterval) return;
    scale_ *= 2;
    steps_since_change_ = 0;
  }

  bool operator==(const LossScale&) const = default;

 private:
  double scale_ = 65536;
  std::int64_t steps_since_change_ = 0;
};

}  // namespace bertft::train
