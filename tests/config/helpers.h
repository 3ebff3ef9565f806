#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "bertft/config/config.h"
#include "bertft/util/error.h"
#include "config/resolver.h"
#include "message_of.h"

namespace bertft::config {

inline Resolved resolve_yaml(std::string_view yaml) {
  return resolve_texts({{"a.yaml", std::string(yaml)}}, {}, {});
}

inline Resolved resolve_set(const std::string& key, const std::string& value) {
  return resolve_texts({}, {}, {{key, value, "--set, argument 1"}});
}

inline std::string refusal_of_yaml(std::string_view yaml) {
  return message_of<ConfigError>([&] { resolve_yaml(yaml); });
}
inline std::string refusal_of_set(const std::string& key, const std::string& value) {
  return message_of<ConfigError>([&] { resolve_set(key, value); });
}

}  // namespace bertft::config
