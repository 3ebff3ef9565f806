#include "bertft/run/version.h"

#include <fmt/format.h>

namespace bertft::run {

std::string version_line() {
  return "bert-finetune " BERTFT_VERSION;
}

std::string build_info(const std::string& library_versions) {
  return fmt::format("{}\ncompiler {}, {} build\n{}", version_line(), BERTFT_COMPILER, BERTFT_BUILD_TYPE,
                     library_versions);
}

}  // namespace bertft::run
