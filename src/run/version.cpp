#include "bertft/run/version.h"

#include <fmt/format.h>

#include "source_revision.h"  // generated: revision.cmake

namespace bertft::run {

std::string version_line() {
  return "bert-finetune " BERTFT_VERSION;
}

std::string source_revision() {
  return kSourceRevision;
}

std::string build_info(const std::string& library_versions) {
  return fmt::format("{}, source {}\ncompiler {}, {} build\n{}", version_line(), source_revision(), BERTFT_COMPILER,
                     BERTFT_BUILD_TYPE, library_versions);
}

}  // namespace bertft::run
