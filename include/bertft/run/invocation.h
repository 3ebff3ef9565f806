#pragma once

#include <functional>
#include <string>
#include <vector>

namespace bertft::run {

/// Where a command begins: as this process was told to, or at the newest checkpoint in output_dir.
enum class Beginning { kAsTold, kNewestCheckpoint };

/// The command that started this process: what a run has to know of it, which reads no command lines.
/// `settings` are options in the form of --set: "bf16=true".
struct Invocation {
  /// The command under other settings, ready for a shell.
  std::function<std::string(const std::vector<std::string>& settings, Beginning beginning)> command_to_go_on;

  /// Starts the program once more, with the content of a configuration file, to probe for this process, and waits for
  /// it: what it finds it leaves in probe.json in output_dir. throws OutOfMemoryError, Error (it failed, and said why
  /// on stderr, could not be started, or was ended by a signal), train::Interrupted
  std::function<void(const std::string& config)> probe;
};

}  // namespace bertft::run
