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

// What would be enough, each by itself; nothing where it would not be or may not be changed.
struct Sufficient {
  std::optional<std::string> limit, reserve;  // values of memory_limit and memory_reserve
  std::optional<std::vector<Saver>> savers;
  std::optional<std::uint64_t> others;  // bytes that programs other than ours hold
};

std::uint64_t with_room_for_error(std::uint64_t bytes) {
  return static_cast<std::uint64_t>(memory::kEstimateError * static_cast<double>(bytes));
}

std::optional<std::string> sufficient_limit(const Situation& s, std::uint64_t wanted, std::uint64_t free) {
  constexpr std::uint64_t kMib = std::uint64_t{1} << 20;
  const auto limit = memory::limit_that_leaves(s.options, wanted);
  if (!limit || *limit > free) return std::nullopt;
  return fmt::format("{}MiB", *limit / kMib + 1);
}

std::optional<std::string> sufficient_reserve(const Situation& s, std::uint64_t wanted, std::uint64_t free) {
  if (s.options.memory_reserve && wanted + memory::default_reserve(free) <= free) return "auto";
  return s.budget.reserve > 0 && wanted <= free ? std::optional<std::string>("0") : std::nullopt;
}

Sufficient find_sufficient(const Situation& s, std::uint64_t wanted) {
  const std::uint64_t free = s.capacity.free + s.in_use;  // for the next process
  Sufficient found;
  if (s.options.memory_limit) {
    found.limit = sufficient_limit(s, wanted, free);
  } else {
    found.reserve = sufficient_reserve(s, wanted, free);
    const std::uint64_t others = s.capacity.total - std::min(s.capacity.total, free);
    if (others > 0 && wanted <= s.budget.usable + others) found.others = others;
  }
  const auto room = static_cast<std::uint64_t>(static_cast<double>(s.budget.usable) / memory::kEstimateError);
  found.savers = memory::savers_needed(s.shape, room, s.savers);
  return found;
}

struct Remedy {
  std::string what, effect;
};

std::vector<Remedy> saver_remedies(const Situation& s) {
  std::vector<Remedy> list;
  for (const Saver& saver : s.savers) {
    if (memory::helps_one_feature(s.shape, saver)) {
      list.push_back({saver.setting(),
                      fmt::format("saves {}; {}", memory_text(memory::saved_bytes(s.shape, saver, 1)), saver.cost)});
    }
  }
  return list;
}

std::string remedy_lines(const char* head, std::vector<Remedy> remedies, const std::vector<Remedy>& more) {
  remedies.insert(remedies.end(), more.begin(), more.end());
  if (remedies.size() > kMostRemedies) remedies.resize(kMostRemedies);
  std::string text;
  for (const Remedy& remedy : remedies) {
    text += fmt::format("{} {:<30} {}\n", std::exchange(head, "      "), remedy.what, remedy.effect);
  }
  return text;
}

std::vector<std::string> settings_of(const std::vector<Saver>& savers) {
  std::vector<std::string> settings;
  for (const Saver& saver : savers) settings.push_back(saver.key + "=" + saver.value);
  return settings;
}

// Where the plan says that it does not fit.
std::string what_makes_room(const Situation& s, const Sufficient& sufficient) {
  std::vector<Remedy> list;
  const std::string would_do = fmt::format("would do; {} are free", memory_text(s.capacity.free));
  if (sufficient.limit) list.push_back({"memory_limit: " + *sufficient.limit, would_do});
  if (sufficient.reserve) list.push_back({"memory_reserve: " + *sufficient.reserve, would_do});
  if (sufficient.others) {
    list.push_back({"closing other programs", fmt::format("frees up to {}", memory_text(*sufficient.others))});
  }
  const bool something_does = !list.empty() || sufficient.savers;
  const std::string next = sufficient.limit     ? s.command({"memory_limit=" + *sufficient.limit})
                           : sufficient.reserve ? s.command({"memory_reserve=" + *sufficient.reserve})
                           : sufficient.savers  ? s.command(settings_of(*sufficient.savers))
                           : sufficient.others  ? "the same again when other programs are closed"
                                                : "a smaller model; no settings are expected to be enough";
  return remedy_lines(something_does ? "fix:  " : "helps:", std::move(list), saver_remedies(s)) + "try:   " + next;
}

// Where it says that it does: the budget is not what is in the way.
std::string what_else_to_look_at(const Situation& s) {
  const auto helpful = std::ranges::find_if(s.savers, [&](const Saver& x) { return helps_one_feature(s.shape, x); });
  const std::string next = helpful != s.savers.end() ? s.command(settings_of({*helpful}))
                                                     : "the same again when nothing else limits this process";
  return remedy_lines(
             "helps:", {{"more for this process", "by the plan it fits: ulimit -v or others may be in the way"}},
             saver_remedies(s)) +
         "try:   " + next;
}

}  // namespace

std::string advice(const Situation& s) {
  const std::string has = fmt::format("has:   {}; {}: {}, {} free\n", memory::budget_text(s.budget), s.device,
                                      memory_text(s.capacity.total), memory_text(s.capacity.free));
  const std::uint64_t wanted = with_room_for_error(s.needed);
  return has + s.needs +
         (wanted <= s.budget.usable ? what_else_to_look_at(s) : what_makes_room(s, find_sufficient(s, wanted)));
}

}  // namespace bertft::run
