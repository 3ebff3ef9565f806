#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

namespace bertft::cli {

/// run::Invocation::probe: this program once more, started by `command` (its name, and flags that are no options), as
/// `--probe-memory`. Its options are those of this process, wherever they came from: a pipe cannot be read again.
void probe_in_child(std::vector<std::string> command, const std::string& config);

/// For a process whose result only its parent waits for: it is killed with it, also when the parent is gone already.
void end_with_parent(pid_t parent);

}  // namespace bertft::cli
