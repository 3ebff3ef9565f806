#pragma once

#include <cstdint>
#include <exception>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "bertft/device/device.h"
#include "bertft/util/error.h"

namespace bertft::memory {

/// Running out of memory, as a result.
struct Shortage {
  std::string message;  // what the allocator or library said, first line
};

/// Runs `work`; the place that catches running out of memory wherever the work can be done again. What it gives up
/// the trainer sees, to save what is done, and the run, to take a saver or to explain.
/// When that happens, `work` is left, then `release` lets go of what the failed work had kept elsewhere
/// (it must not throw), then what autograd and allocators have kept goes back, and the shortage is returned.
/// Every other exception passes through: a retry would not help.
std::optional<Shortage> attempt(
    const device::Device& device, const std::function<void()>& work, const std::function<void()>& release = [] {});

/// How often work that cannot be cut has failed in a row. Other processes come and go: it is tried
/// several times before it is given up.
class TriesOfOne {
 public:
  void succeeded() { failures_ = 0; }
  /// Counts a failure. returns whether to try again
  bool may_try_again() { return ++failures_ < kMost; }

 private:
  static constexpr int kMost = 3;
  int failures_ = 0;
};

/// Not even one feature fits, in an evaluation: what saves memory in training alone would not help.
class EvaluationOutOfMemoryError : public OutOfMemoryError {
  using OutOfMemoryError::OutOfMemoryError;
};

/// What to tell when a micro-batch that cannot be cut does not fit; `place` says where that was.
std::string one_feature_text(std::int64_t num_tokens, std::string_view place, const Shortage& shortage);

/// Whether an exception means "out of memory": by its type first, by its text second.
bool is_out_of_memory(const std::exception& error);

/// The same, or that of an error of ours which says that work was given up for want of memory.
bool ends_in_shortage(const std::exception& error);

/// The shortage that it means, if it means one.
std::optional<Shortage> shortage_of(const std::exception& error);

}  // namespace bertft::memory
