#include "bertft/train/probe_file.h"

#include <algorithm>
#include <utility>

#include "bertft/util/error.h"
#include "bertft/util/file.h"

namespace bertft::train {
namespace {

constexpr std::int64_t kFormat = 2;  // 1 named no savers

struct Stored {
  Json key;
  std::uint64_t usable_bytes;
  std::int64_t searched_up_to;
  Probed probed;
};

std::optional<Stored> read_stored(const std::string& path) {
  if (!is_there(path)) return std::nullopt;
  try {
    const Json document = read_json(path);
    if (!document.is_object() || integer_member(document, "format", path) != kFormat) return std::nullopt;
    const auto usable = integer_member(document, "usable_bytes", path);
    const auto searched = integer_member(document, "searched_up_to", path);
    const auto found = integer_member(document, "micro_batch_features", path);
    if (!usable || !searched || !found || *found < 0 || *found > *searched) return std::nullopt;
    Stored stored{document.at("key"), static_cast<std::uint64_t>(*usable), *searched, {}};
    stored.probed.result.num_features = *found;
    for (const Json& trial : document.at("trials")) {
      stored.probed.result.trials.push_back({.num_features = integer_member(trial, "features", path).value_or(0),
                                             .phase = string_member(trial, "phase", path).value_or("")});
    }
    stored.probed.savers = document.at("memory_savers").get<std::set<std::string>>();
    return stored;
  } catch (const Error&) {
    return std::nullopt;
  } catch (const Json::exception&) {
    return std::nullopt;
  }
}

}  // namespace

Json probe_json(const ProbeScope& scope, const Probed& probed, const Json& key) {
  Json trials = Json::array();
  for (const memory::Trial& trial : probed.result.trials) {
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
          {"memory_savers", probed.savers},
          {"micro_batch_features", probed.result.num_features},
          {"micro_batch_tokens", probed.result.num_features * scope.length},
          {"trials", trials}};
}

std::optional<Probed> read_probe(const std::string& path) {
  auto stored = read_stored(path);
  return stored ? std::optional(std::move(stored->probed)) : std::nullopt;
}

std::optional<memory::SearchResult> reusable_probe(const std::string& path, const ProbeScope& scope, const Json& key) {
  auto stored = read_stored(path);
  if (!stored || stored->key != key || scope.usable_bytes < stored->usable_bytes) return std::nullopt;
  memory::SearchResult result = std::move(stored->probed.result);
  const bool went_as_far = result.num_features < stored->searched_up_to || stored->searched_up_to >= scope.at_most;
  // A step in pieces may take more than the same at once.
  const bool is_of_whole_steps = result.num_features >= scope.effective_batch;
  if (!went_as_far || (is_of_whole_steps && scope.at_most < scope.effective_batch)) return std::nullopt;
  result.num_features = std::min(result.num_features, scope.at_most);
  return result;
}

}  // namespace bertft::train
