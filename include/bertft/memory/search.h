#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace bertft::memory {

/// What became of one size that was tried on the device.
struct Trial {
  std::int64_t num_features = 0;  // of a micro-batch, each of full length
  bool fits = false;
  std::string phase = {};        // "done", or where memory ran out
  std::uint64_t peak_bytes = 0;  // the most in use; of a size that does not fit, so far
  double features_per_s = 0;
  std::int64_t steps_done = 0;  // real optimizer steps
};

struct SearchTask {
  std::int64_t at_most = 1;                          // features
  std::optional<std::int64_t> effective_batch = {};  // of a step; none: many more than `at_most`
  std::uint64_t usable_bytes = 0;
  std::function<std::uint64_t(std::int64_t)> predict;  // bytes of a size, as plan_step()
  std::function<Trial(std::int64_t)> run_trial;        // of a size, on the device
  std::uint64_t peak_rounding = 0;  // a measured peak may be so much too high, and have holes between tensors
};

struct SearchResult {
  std::int64_t num_features = 0;  // the largest that fitted; 0: not even one
  std::vector<Trial> trials;      // in the order in which they were made
};

/// The bytes expected of a size: the prediction, moved so that it meets the largest size tried and
/// stretched by what the last two have shown, provided that they differ in the part that grows
/// with the size. `fitting`: what was tried, sorted by size and not empty.
double calibrated_bytes(const SearchTask& task, const std::vector<Trial>& fitting, std::int64_t size);

/// Finds the largest size that fits: two trials, small ones or, where rounding hides what these show, one of half the
/// size, correct the prediction, a third at the size that they allow confirms it, and at most two more close the gap to
/// the true maximum. From a size that does not fit it steps down, as often as it takes, which is counted as one of
/// them. When there is plenty of room one trial is enough.
///
/// throws std::logic_error when an attempt says "fits" without having done a step
SearchResult find_micro_batch(const SearchTask& task);

}  // namespace bertft::memory
