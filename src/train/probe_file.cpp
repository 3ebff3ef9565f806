#include "bertft/train/probe_file.h"

#include <algorithm>

#include "bertft/util/error.h"
#include "bertft/util/file.h"

namespace bertft::train {
namespace {

constexpr std::int64_t kFormat = 1;

}  // namespace

Json probe_json(const ProbeScope& scope, const memory::SearchResult& result, const Json& key) {
  Json trials = Json::array();
  for (const memory::Trial& trial : result.trials) {
    trials.push_back({{"features", trial.num_features},
                      {"tokens", trial.num_features * scope.length},
                      {"fits", trial.fits},
                      {"phase", trial.phase},
                      {"peak_bytes", trial.peak_bytes},
                      {"features_per_s", trial.features_per_s},
                      {"steps", trial.steps_done}});
  }
  return {{"format", kFormat},
          {"key", key},
          {"usable_bytes", scope.usable_bytes},
          {"searched_up_to", scope.at_most},
          {"micro_batch_features", result.num_features},
          {"micro_batch_tokens", result.num_features * scope.length},
          {"trials", trials}};
}

std::optional<memory::SearchResult> reusable_probe(const std::string& path, const ProbeScope& scope, const Json& key) {
  if (!is_there(path)) return std::nullopt;
  try {
    const Json document = read_json(path);
    if (!document.is_object() || integer_member(document, "format", path) != kFormat) return std::nullopt;
    if (!document.contains("key") || document["key"] != key) return std::nullopt;
    const auto usable = integer_member(document, "usable_bytes", path);
    const auto searched = integer_member(document, "searched_up_to", path);
    const auto found = integer_member(document, "micro_batch_features", path);
    if (!usable || !searched || !found || *found < 0 || *found > *searched) return std::nullopt;
    const bool no_less_free = scope.usable_bytes >= static_cast<std::uint64_t>(*usable);
    const bool went_as_far = *found < *searched || *searched >= scope.at_most;
    // A step in pieces may take more than the same at once.
    if (scope.at_most < scope.effective_batch && *found >= scope.effective_batch) return std::nullopt;
    if (!no_less_free || !went_as_far) return std::nullopt;
    memory::SearchResult result{.num_features = std::min(*found, scope.at_most), .trials = {}};
    for (const Json& trial : document.value("trials", Json::array())) {
      result.trials.push_back({.num_features = integer_member(trial, "features", path).value_or(0),
                               .phase = string_member(trial, "phase", path).value_or("")});
    }
    return result;
  } catch (const Error&) {
    return std::nullopt;  // a damaged file is one that does not hold
  }
}

}  // namespace bertft::train
