#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "bertft/memory/planner.h"
#include "bertft/train/plan.h"
#include "cli/workspace.h"

namespace bertft::cli {

/// All inputs of a run, read and checked; nothing has been written yet.
struct Inputs {
  config::Resolved resolved;
  device::Device device;
  ModelFiles files;
  data::Dataset train_set;
  data::Features train_features;
  std::optional<data::Dataset> validation_set;
  std::optional<data::Features> validation_features;
  bool with_negative = false;
  train::Plan plan;
  memory::Budget budget;

  const config::Options& options() const { return resolved.options; }
};

/// Reads and checks what the options name, and limits the memory of the device.
/// throws what its parts throw
Inputs read_inputs(config::Resolved resolved);

/// A training step of this run at the longest sequences there can be.
memory::StepShape step_shape(const Inputs& in);

/// "name  text" lines for people.
using Rows = std::vector<std::pair<std::string, std::string>>;

/// What a run would do, before it does it. `micro_batch_tokens`: the token budget that a probe or a
/// checkpoint has left; that of the options holds without.
Rows describe(const Inputs& in, const std::string& weights_line, const std::optional<std::int64_t>& micro_batch_tokens);

}  // namespace bertft::cli
