#pragma once

#include <set>
#include <string>
#include <vector>

#include "bertft/memory/savers.h"
#include "run/torch/job.h"

namespace bertft::run {

/// `memory_savers: auto`: turns on one more saver that the user has not set. `why` ends the line
/// that tells of it. returns false when there is none, or none may be taken
bool take_saver(Job& job, const std::string& why);

/// Whether a device can be made to use it: a GPU that can compute in bf16 does so already.
bool can_be_taken(const device::Device& device, const memory::Saver& saver);

/// Turns on, in the options, those that a probe took, `keys`, and told of, where memory_savers may do so here, too.
/// returns their keys
std::set<std::string> adopt_savers(config::Resolved& resolved, const std::set<std::string>& keys);

/// Takes savers until one feature is expected to fit, as far as memory_savers allows.
void take_expected_savers(Job& job);

/// A run that goes on keeps the savers that it had taken, `keys`, unless the options now set them or set
/// memory_savers: off.
void keep_savers(Job& job, const std::vector<std::string>& keys);

}  // namespace bertft::run
