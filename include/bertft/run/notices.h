#pragma once

#include "bertft/config/config.h"

namespace bertft::run {

/// Prints what the user should be told of the options.
void tell_notices(const config::Resolved& resolved);

/// Resolves them and prints the notices. throws as config::resolve
config::Resolved resolve_and_tell(const config::Sources& sources);

}  // namespace bertft::run
