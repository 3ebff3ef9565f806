#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>

#include "bertft/memory/search.h"
#include "bertft/util/json.h"

namespace bertft::train {

/// The phase of a trial whose first step fitted and whose evaluation did not.
constexpr const char* kEvaluationPhase = "evaluation";

/// How far a probe goes.
struct ProbeScope {
  std::int64_t length, effective_batch, at_most;  // as in ProbeTask
  std::uint64_t usable_bytes;
};

/// What a probe has found, and with which savers on that memory_savers took (their keys).
struct Probed {
  memory::SearchResult result;
  std::set<std::string> savers;
};

/// The content of probe.json.
Json probe_json(const ProbeScope& scope, const Probed& probed, const Json& key);

/// From that file, whatever it holds for; of the trials: sizes and phases. None where it is not there or damaged.
std::optional<Probed> read_probe(const std::string& path);

/// The result of an earlier probe, from its file, when it still holds: equal key, no less memory usable, and a search
/// that went as far as this one would.
std::optional<memory::SearchResult> reusable_probe(const std::string& path, const ProbeScope& scope, const Json& key);

}  // namespace bertft::train
