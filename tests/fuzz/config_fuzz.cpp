// The configuration reader over arbitrary bytes: a configuration or a ConfigError, and a
// configuration that was accepted is accepted again, unchanged, from its own dump.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>

#include "bertft/util/error.h"
#include "config/resolver.h"

namespace {

std::optional<bertft::config::Resolved> accepted(const std::string& yaml) {
  try {
    return bertft::config::resolve_texts({{"fuzz.yaml", yaml}}, {}, {});
  } catch (const bertft::ConfigError&) {
    return std::nullopt;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto resolved = accepted(std::string(reinterpret_cast<const char*>(data), size));
  if (!resolved) return 0;
  const std::string dump = bertft::config::to_yaml(*resolved);
  const auto again = accepted(dump);
  // Origins differ (they name the lines of the dump), so the third text is compared with the second's.
  if (!again) std::abort();
  const std::string second_dump = bertft::config::to_yaml(*again);
  const auto third = accepted(second_dump);
  if (!third || bertft::config::to_yaml(*third) != second_dump) std::abort();
  return 0;
}
