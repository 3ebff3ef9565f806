#include <unistd.h>

#include <algorithm>
#include <string_view>

#include "bertft/config/config.h"
#include "bertft/util/text.h"

namespace bertft::config {

std::vector<Override> environment_overrides() {
  std::vector<Override> overrides;
  for (char** entry = environ; entry && *entry; ++entry) {
    const std::string_view variable = *entry;
    const std::size_t equals = variable.find('=');
    if (!variable.starts_with(kEnvironmentPrefix) || equals == std::string_view::npos) continue;
    std::string key = to_lower_ascii(variable.substr(kEnvironmentPrefix.size(), equals - kEnvironmentPrefix.size()));
    overrides.push_back(
        {std::move(key), std::string(variable.substr(equals + 1)), std::string(variable.substr(0, equals))});
  }
  std::sort(overrides.begin(), overrides.end(),
            [](const Override& a, const Override& b) { return a.origin < b.origin; });
  return overrides;
}

}  // namespace bertft::config
