#pragma once

#include <optional>
#include <string>

#include "cli/inputs.h"

namespace bertft::cli {

/// `memory_savers: auto`: turns on one more saver that the user has not set. `why` ends the line
/// that tells of it. returns false when there is none, or none may be taken
bool take_saver(Inputs& in, const std::string& why);

/// Takes savers until one feature is expected to fit, as far as memory_savers allows.
void take_expected_savers(Inputs& in);

/// A run that goes on keeps the savers that it had taken: `before` are its options.
void keep_savers(Inputs& in, const config::Options& before);

/// The message for a run in which not even one feature fits (CONVENTIONS §4.3): `fact`, what there
/// is and what a step needs, up to three remedies with what they save, and a command that is
/// expected to work. `saved`: the checkpoint to go on from.
std::string explain_shortage(const Inputs& in, const std::string& fact, const std::optional<std::string>& saved);

}  // namespace bertft::cli
