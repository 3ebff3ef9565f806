#pragma once

#include <algorithm>
#include <limits>

namespace bertft::eval {

/// A model's null odds are float32, and a threshold is compared with them as one. Beyond what it holds: its largest.
inline float as_float(double odds) {
  constexpr double kMost = std::numeric_limits<float>::max();
  return static_cast<float>(std::clamp(odds, -kMost, kMost));
}

}  // namespace bertft::eval
