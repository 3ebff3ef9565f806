#pragma once

#include <string>
#include <vector>

namespace bertft::cli {

/// The words of this process's command line, the program's own name first.
std::vector<std::string> own_arguments();

/// How the command begins: as this process was told to, or from the newest checkpoint in output_dir.
enum class Beginning { kAsTold, kNewestCheckpoint };

/// This process's command line, ready for a shell, under other settings ("bf16=true").
std::string command_to_go_on(const std::vector<std::string>& settings, Beginning beginning);

}  // namespace bertft::cli
