#pragma once

#include <string>

namespace bertft::run {

/// "bert-finetune 0.1.0".
std::string version_line();

/// The commit that was built, as git describes it: "c5d179b", "c5d179b-dirty"; "unknown" outside a clone.
std::string source_revision();

/// Source, compiler and build type; `library_versions` ends it.
std::string build_info(const std::string& library_versions);

}  // namespace bertft::run
