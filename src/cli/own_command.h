#pragma once

#include <string>
#include <vector>

#include "bertft/run/invocation.h"

namespace bertft::cli {

/// The words of this process's command line, the program's own name first.
std::vector<std::string> own_arguments();

/// This process's command, for a run.
run::Invocation own_command();

}  // namespace bertft::cli
