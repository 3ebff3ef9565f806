#pragma once

#include "bertft/run/invocation.h"

namespace bertft::cli {

/// This process's command, for a run.
run::Invocation own_command();

}  // namespace bertft::cli
