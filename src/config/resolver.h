#pragma once

#include <string>
#include <vector>

#include "bertft/config/config.h"

namespace bertft::config {

struct NamedText {
  std::string name, text;
};

/// resolve() once its files are in memory; reads nothing but the working directory's name.
Resolved resolve_texts(const std::vector<NamedText>& files, const std::vector<Override>& environment,
                       const std::vector<Override>& command_line);

}  // namespace bertft::config
