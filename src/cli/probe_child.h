#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

namespace bertft::cli {

/// run::Invocation::probe: this program once more, started by `command` (its words, the program's name first), as
/// `--probe-memory`.
void probe_in_child(std::vector<std::string> command, const std::vector<std::string>& settings);

/// For a process whose result only its parent waits for: it is killed with it, also when the parent is gone already.
void end_with_parent(pid_t parent);

}  // namespace bertft::cli
