#pragma once

#include <string>

#include "bertft/run/invocation.h"

namespace bertft::cli {

/// A word as a POSIX shell has to be given it; bytes that a terminal would act on in the form $'\x1b' of bash and zsh.
std::string quoted(const std::string& word);

/// This process's command, for a run.
run::Invocation own_command();

}  // namespace bertft::cli
