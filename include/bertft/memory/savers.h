#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "bertft/memory/planner.h"

namespace bertft::memory {

/// A setting under which a training step, or an evaluation, takes less memory, at a cost.
struct Saver {
  enum class Kind { kGradientCheckpointing, kHalfPrecision, kShorterWindows };
  Kind kind;
  std::string key, value;                           // of the configuration
  std::string cost;                                 // in words
  bool is_automatic;                                // `memory_savers: auto` may take it: the features stay the same
  std::optional<device::Precision> precision = {};  // kHalfPrecision: which

  /// "bf16: true".
  std::string setting() const { return key + ": " + value; }
};

/// What is not in use in `shape` yet, in the order in which it is taken: first what costs time
/// alone, then what changes the rounding, then what changes the features.
std::vector<Saver> savers_left(const StepShape& shape);

/// `shape` under the saver's setting.
StepShape with_saver(StepShape shape, const Saver& saver);

/// By how much the plan of a step with micro-batches of `num_features` falls; 0: not at all.
std::uint64_t saved_bytes(const StepShape& shape, const Saver& saver, std::int64_t num_features);

/// Whether that is worth its cost for a single feature: more than a hundredth of the step.
bool helps_one_feature(const StepShape& shape, const Saver& saver);

/// Those of `savers`, taken one after another, with which one feature is expected to fit into `bytes`;
/// nothing when all together are not enough.
std::optional<std::vector<Saver>> savers_needed(StepShape shape, std::uint64_t bytes, const std::vector<Saver>& savers);

}  // namespace bertft::memory
