#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "config/problems.h"
#include "config/scalar.h"

namespace bertft::config {

/// "key: value" as somebody wrote it, with the place of each half.
struct Assignment {
  std::string key;
  Scalar value;
  Place key_at, value_at;
};

/// Reads one flat YAML map. Works on the parser's events and never builds a node graph, which is what anchors, aliases
/// and duplicate keys do their harm in. Reports to `problems`: syntax errors, text that is not UTF-8, anchors, aliases,
/// tags, duplicate keys with both places, several documents, roots that are not a map. JSON is read as the YAML that it
/// is, but for characters in two escapes, which YAML does not have; columns behind one count it once.
std::vector<Assignment> read_yaml(std::string_view text, std::string_view name, std::size_t source, Problems& problems);

}  // namespace bertft::config
