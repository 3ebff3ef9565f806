#pragma once

#include <string>

namespace bertft::run {

/// "bert-finetune 0.1.0".
std::string version_line();

/// Compiler and build type; `library_versions` ends it.
std::string build_info(const std::string& library_versions);

}  // namespace bertft::run
