#pragma once

#include <string>

namespace bertft::cli {

/// "bert-finetune 0.1.0".
std::string version_line();

/// Compiler, build type, and the versions of the libraries linked.
std::string build_info();

/// README.md of the models we write.
std::string model_card();

}  // namespace bertft::cli
