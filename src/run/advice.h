#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "bertft/memory/limits.h"
#include "bertft/memory/options.h"
#include "bertft/memory/planner.h"
#include "bertft/memory/savers.h"

namespace bertft::run {

/// One feature that did not fit, and what may be changed.
struct Situation {
  std::string needs;                  // lines that say what `needed` is made of
  std::uint64_t needed = 0;           // bytes of a step with one feature, by the plan
  memory::StepShape shape;            // of that step
  std::vector<memory::Saver> savers;  // that the user can be told to turn on, in order
  memory::MemoryOptions options;
  memory::Budget budget;
  memory::Capacity capacity;  // of the device
  std::uint64_t in_use = 0;   // of it, by this process
  std::string device;         // in words
  /// The command to go on with, under such settings.
  std::function<std::string(const std::vector<std::string>& settings)> command;
};

/// What there is and what is needed, up to three remedies with what they bring, and a command that is expected to work:
/// lines that begin with has:, needs:, fix: and try:. Where all remedies together are not expected to be enough they
/// begin with helps:.
std::string advice(const Situation& situation);

}  // namespace bertft::run
