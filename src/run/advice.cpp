#include "run/advice.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "bertft/util/text.h"

namespace bertft::run {
namespace {

using memory::Saver;

constexpr std::size_t kMostRemedies = 3;

// A memory_limit under which one feature is expected to fit, when the device has that much.
std::optional<std::string> sufficient_limit(const Situation& s) {
  if (!s.has_limit) return std::nullopt;
  constexpr std::uint64_t kMib = std::uint64_t{1} << 20;
  const std::uint64_t reserve = s.budget.limit - s.budget.usable;
  const auto limit = static_cast<std::uint64_t>(memory::kEstimateError * static_cast<double>(s.needed)) + reserve;
  if (limit > s.capacity.free) return std::nullopt;
  return fmt::format("{}MiB", limit / kMib + 1);
}

// What programs other than ours hold of the device, where that would be enough.
std::optional<std::uint64_t> sufficient_memory_of_others(const Situation& s) {
  if (s.has_limit) return std::nullopt;
  const std::uint64_t others = s.capacity.total - std::min(s.capacity.total, s.capacity.free + s.in_use);
  return others > 0 && s.needed <= s.budget.usable + others ? std::optional(others) : std::nullopt;
}

// The fewest settings that are expected to be enough; none when there are none.
std::vector<std::string> sufficient_settings(const Situation& s) {
  if (const auto limit = sufficient_limit(s)) return {"memory_limit=" + *limit};
  const auto room = static_cast<std::uint64_t>(static_cast<double>(s.budget.usable) / memory::kEstimateError);
  std::vector<std::string> settings;
  for (const Saver& saver : memory::savers_needed(s.shape, room, s.savers).value_or(std::vector<Saver>{})) {
    settings.push_back(saver.key + "=" + saver.value);
  }
  return settings;
}

std::string has_line(const Situation& s) {
  const std::uint64_t reserve = s.budget.limit - s.budget.usable;
  const std::string kept =
      reserve == 0 ? "" : fmt::format(", {} of which plans leave free (memory_reserve)", memory_text(reserve));
  return fmt::format("has:   {} ({}){}; {}: {}, {} free\n", memory_text(s.budget.limit),
                     s.has_limit ? s.budget.source : s.budget.source + " less memory_reserve", kept, s.device,
                     memory_text(s.capacity.total), memory_text(s.capacity.free));
}

struct Remedy {
  std::string what, effect;
};

std::vector<Remedy> remedies(const Situation& s) {
  std::vector<Remedy> list;
  if (const auto limit = sufficient_limit(s)) {
    list.push_back({"memory_limit: " + *limit, fmt::format("would do; {} are free", memory_text(s.capacity.free))});
  }
  if (const auto others = sufficient_memory_of_others(s)) {
    list.push_back({"closing other programs", fmt::format("frees up to {}", memory_text(*others))});
  }
  for (const Saver& saver : s.savers) {
    if (memory::helps_one_feature(s.shape, saver)) {
      list.push_back({saver.setting(),
                      fmt::format("saves {}; {}", memory_text(memory::saved_bytes(s.shape, saver, 1)), saver.cost)});
    }
  }
  if (list.size() > kMostRemedies) list.resize(kMostRemedies);
  return list;
}

std::string remedy_lines(const char* head, const std::vector<Remedy>& remedies) {
  std::string text;
  for (const Remedy& remedy : remedies) {
    text += fmt::format("{} {:<30} {}\n", std::exchange(head, "      "), remedy.what, remedy.effect);
  }
  return text;
}

}  // namespace

std::string advice(const Situation& s) {
  const std::vector<std::string> settings = sufficient_settings(s);
  const bool others_suffice = sufficient_memory_of_others(s).has_value();
  const std::string next = !settings.empty() ? s.command(settings)
                           : others_suffice  ? "the same again when other programs are closed"
                                             : "a smaller model; no settings are expected to be enough";
  const char* head = settings.empty() && !others_suffice ? "helps:" : "fix:  ";
  return has_line(s) + s.needs + remedy_lines(head, remedies(s)) + "try:   " + next;
}

}  // namespace bertft::run
