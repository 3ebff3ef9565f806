#pragma once

#include <string>
#include <vector>

namespace bertft::cli {

/// The words of this process's command line, the program's own name first.
std::vector<std::string> own_arguments();

/// This process's command line, ready for a shell, as it would go on with its run under other
/// settings ("bf16=true").
std::string command_to_go_on(const std::vector<std::string>& settings);

}  // namespace bertft::cli
