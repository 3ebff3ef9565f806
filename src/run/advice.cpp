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

struct Setting {
  std::string key, value;
};

// What would be enough, each by itself; nothing where it would not be or may not be changed.
struct Sufficient {
  std::optional<Setting> amount;  // another memory_limit, or memory_reserve where there is none
  std::optional<std::vector<Saver>> savers;
  std::optional<std::uint64_t> others;  // bytes that programs other than ours hold
};

std::optional<Setting> sufficient_amount(const Situation& s, std::uint64_t wanted, std::uint64_t free) {
  if (s.options.memory_limit) {
    constexpr std::uint64_t kMib = std::uint64_t{1} << 20;
    const auto limit = memory::limit_that_leaves(s.options, wanted);
    if (!limit || *limit > free) return std::nullopt;
    return Setting{"memory_limit", fmt::format("{}MiB", *limit / kMib + 1)};
  }
  if (s.options.memory_reserve && wanted + memory::default_reserve(free) <= free) {
    return Setting{"memory_reserve", "auto"};
  }
  return s.budget.reserve > 0 && wanted <= free ? std::optional<Setting>({"memory_reserve", "0"}) : std::nullopt;
}

Sufficient find_sufficient(const Situation& s, std::uint64_t wanted) {
  const std::uint64_t free = s.capacity.free + s.in_use;  // for the next process
  Sufficient found{.amount = sufficient_amount(s, wanted, free), .savers = {}, .others = {}};
  const std::uint64_t others = s.capacity.total - std::min(s.capacity.total, free);
  if (!s.options.memory_limit && others > 0 && wanted <= s.budget.usable + others) found.others = others;
  const auto room = static_cast<std::uint64_t>(static_cast<double>(s.budget.usable) / memory::kEstimateError);
  found.savers = memory::savers_needed(s.shape, room, s.savers);
  if (found.savers && found.savers->empty()) found.savers.reset();  // an evaluation fits, a step does not
  return found;
}

struct Remedy {
  std::string what, effect;
};

std::vector<Saver> helpful_savers(const Situation& s) {
  std::vector<Saver> savers = s.savers;
  std::erase_if(savers, [&](const Saver& saver) { return !memory::helps_one_feature(s.shape, saver); });
  return savers;
}

// `remedies`, and behind them the savers that help.
std::string remedy_lines(const char* head, std::vector<Remedy> remedies, const Situation& s) {
  for (const Saver& saver : helpful_savers(s)) {
    remedies.push_back({saver.setting(),
                        fmt::format("saves {}; {}", memory_text(memory::saved_bytes(s.shape, saver, 1)), saver.cost)});
  }
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
  if (const auto& amount = sufficient.amount) {
    list.push_back(
        {amount->key + ": " + amount->value, fmt::format("would do; {} are free", memory_text(s.capacity.free))});
  }
  if (sufficient.others) {
    list.push_back({"closing other programs", fmt::format("frees up to {}", memory_text(*sufficient.others))});
  }
  const bool something_does = !list.empty() || sufficient.savers;
  const std::string next = sufficient.amount   ? s.command({sufficient.amount->key + "=" + sufficient.amount->value})
                           : sufficient.savers ? s.command(settings_of(*sufficient.savers))
                           : sufficient.others ? "the same again when other programs are closed"
                                               : "a smaller model; no settings are expected to be enough";
  return remedy_lines(something_does ? "fix:  " : "helps:", std::move(list), s) + "try:   " + next;
}

// Where it says that it does: the budget is not what is in the way.
std::string what_else_to_look_at(const Situation& s) {
  const std::vector<Saver> helpful = helpful_savers(s);
  const std::string next = helpful.empty() ? "the same again when nothing else limits this process"
                                           : s.command(settings_of({helpful.front()}));
  return remedy_lines(
             "helps:", {{"more for this process", "by the plan it fits: ulimit -v or others may be in the way"}}, s) +
         "try:   " + next;
}

}  // namespace

std::string advice(const Situation& s) {
  const std::string has = fmt::format("has:   {}; {}: {}, {} free\n", memory::budget_text(s.budget), s.device,
                                      memory_text(s.capacity.total), memory_text(s.capacity.free));
  const auto wanted = static_cast<std::uint64_t>(memory::kEstimateError * static_cast<double>(s.needed));
  return has + s.needs +
         (wanted <= s.budget.usable ? what_else_to_look_at(s) : what_makes_room(s, find_sufficient(s, wanted)));
}

}  // namespace bertft::run
