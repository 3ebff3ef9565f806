#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "bertft/config/config.h"
#include "bertft/util/error.h"
#include "config/resolver.h"

namespace bertft::config {

inline Resolved resolve_yaml(std::string_view yaml) {
  return resolve_texts({{"a.yaml", std::string(yaml)}}, {}, {});
}

inline Resolved resolve_set(const std::string& key, const std::string& value) {
  return resolve_texts({}, {}, {{key, value, "--set, argument 1"}});
}

/// The whole text of the ConfigError, or "accepted".
template <class Action>
std::string refusal(Action action) {
  try {
    action();
  } catch (const ConfigError& error) {
    return error.what();
  }
  return "accepted";
}
inline std::string refusal_of_yaml(std::string_view yaml) {
  return refusal([&] { resolve_yaml(yaml); });
}
inline std::string refusal_of_set(const std::string& key, const std::string& value) {
  return refusal([&] { resolve_set(key, value); });
}

}  // namespace bertft::config
