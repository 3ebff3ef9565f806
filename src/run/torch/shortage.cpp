#include "run/torch/shortage.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "bertft/memory/shortage.h"
#include "bertft/util/error.h"
#include "bertft/util/text.h"
#include "run/torch/savers.h"

namespace bertft::run {
namespace {

using memory::Saver;

constexpr std::size_t kMostRemedies = 3;

// What ran short of memory.
struct Situation {
  const config::Options& options;
  const Means& means;
  memory::StepShape shape;
  std::uint64_t needed;  // for one feature
  Beginning beginning;   // of the command to try
  bool goes_on;          // from a checkpoint: with other windows it would be another run
  memory::Capacity capacity;
};

// A memory_limit under which one feature is expected to fit, when the device has that much.
std::optional<std::string> sufficient_limit(const Situation& s) {
  if (!s.options.memory.memory_limit) return std::nullopt;
  constexpr std::uint64_t kMib = std::uint64_t{1} << 20;
  const std::uint64_t reserve = s.means.budget.limit - s.means.budget.usable;
  const auto limit = static_cast<std::uint64_t>(memory::kEstimateError * static_cast<double>(s.needed)) + reserve;
  if (limit > s.capacity.free) return std::nullopt;
  return fmt::format("{}MiB", limit / kMib + 1);
}

// What the user can be told to turn on.
std::vector<Saver> advisable_savers(const Situation& s) {
  std::vector<Saver> savers = memory::savers_left(s.shape);
  std::erase_if(savers, [&](const Saver& saver) {
    return !can_be_taken(s.means.device, saver) || (s.goes_on && saver.kind == Saver::Kind::kShorterWindows);
  });
  return savers;
}

struct Remedy {
  std::string what, effect;
};

std::vector<Remedy> remedies(const Situation& s, const std::vector<Saver>& savers) {
  std::vector<Remedy> list;
  if (const auto limit = sufficient_limit(s)) {
    list.push_back({"memory_limit: " + *limit, fmt::format("would do; {} are free", memory_text(s.capacity.free))});
  }
  for (const Saver& saver : savers) {
    if (memory::helps_one_feature(s.shape, saver)) {
      list.push_back({saver.setting(),
                      fmt::format("saves {}; {}", memory_text(memory::saved_bytes(s.shape, saver, 1)), saver.cost)});
    }
  }
  const std::uint64_t ours_or_free = s.capacity.free + memory::use_of(s.means.device).now;
  const std::uint64_t others = s.capacity.total - std::min(s.capacity.total, ours_or_free);
  if (!s.options.memory.memory_limit && s.needed <= s.means.budget.usable + others) {
    list.push_back({"closing other programs", fmt::format("frees up to {}", memory_text(others))});
  }
  if (list.size() > kMostRemedies) list.resize(kMostRemedies);
  return list;
}

// The fewest settings that are expected to be enough; none when there are none.
std::vector<std::string> sufficient_settings(const Situation& s, const std::vector<Saver>& savers) {
  if (const auto limit = sufficient_limit(s)) return {"memory_limit=" + *limit};
  const auto room = static_cast<std::uint64_t>(static_cast<double>(s.means.budget.usable) / memory::kEstimateError);
  std::vector<std::string> settings;
  for (const Saver& saver : memory::savers_needed(s.shape, room, savers).value_or(std::vector<Saver>{})) {
    settings.push_back(saver.key + "=" + saver.value);
  }
  return settings;
}

std::string has_line(const Situation& s) {
  return fmt::format("has:   {}; {}: {}, {} free\n", budget_text(s.means.budget), s.means.device.description,
                     memory_text(s.capacity.total), memory_text(s.capacity.free));
}

std::string fix_lines(const std::vector<Remedy>& remedies) {
  std::string text;
  const char* head = "fix:  ";
  for (const Remedy& remedy : remedies) {
    text += fmt::format("{} {:<30} {}\n", std::exchange(head, "      "), remedy.what, remedy.effect);
  }
  return text;
}

std::string try_line(const Situation& s, const std::vector<std::string>& settings) {
  return settings.empty() ? "try:   a smaller model; no settings are expected to be enough"
                          : "try:   " + s.means.invocation.command_to_go_on(settings, s.beginning);
}

// What there is, what is needed and what can be done; `needs`: the parts of it.
std::string advice(const Situation& s, const std::string& needs, const std::vector<Saver>& savers) {
  return has_line(s) + needs + fix_lines(remedies(s, savers)) + try_line(s, sufficient_settings(s, savers));
}

}  // namespace

std::optional<std::string> shortage_text(const std::exception& error) {
  if (dynamic_cast<const OutOfMemoryError*>(&error) != nullptr) return error.what();
  const auto shortage = memory::shortage_of(error);
  if (!shortage) return std::nullopt;
  return fmt::format("out of memory: {}.", shortage->message);
}

std::optional<std::string> shortage_in(const std::function<void()>& work) {
  try {
    work();
    return std::nullopt;
  } catch (const std::exception& e) {
    auto shortage = shortage_text(e);
    if (!shortage) throw;
    return shortage;
  }
}

std::string explain_shortage(const Job& job, const std::string& fact, Beginning beginning,
                             const std::optional<std::string>& saved) {
  memory::release_cached(job.device);  // what we only keep for later is free
  const memory::StepShape shape = step_shape(job);
  const memory::StepBytes bytes = memory::plan_step(shape, 1);
  const Situation s{.options = job.options(),
                    .means = job,
                    .shape = shape,
                    .needed = bytes.tensors(),
                    .beginning = beginning,
                    .goes_on = saved || job.options().train.resume_from_checkpoint.value_or("auto") != "auto",
                    .capacity = memory::capacity_of(job.device)};
  const std::string needs = fmt::format(
      "needs: about {} for one feature of {} tokens: weights {}, gradients {},\n"
      "       AdamW {}, activations {}, workspace {}\n",
      memory_text(s.needed), shape.length, memory_text(bytes.weights), memory_text(bytes.gradients),
      memory_text(bytes.optimizer), memory_text(bytes.activations), memory_text(bytes.workspace));
  return fact + "\n" + advice(s, needs, advisable_savers(s)) + (saved ? "\nsaved: " + *saved : "");
}

std::string explain_shortage(const TrainedModel& trained, const Means& means, const std::string& fact) {
  memory::release_cached(means.device);
  const config::Options& options = trained.resolved.options;
  const memory::StepShape shape =
      memory::step_shape(trained.files.config, options.model, means.device, options.data.max_seq_length);
  const memory::StepBytes bytes = memory::plan_evaluation(shape, 1);
  const Situation s{.options = options,
                    .means = means,
                    .shape = shape,
                    .needed = bytes.weights + bytes.workspace,
                    .beginning = Beginning::kAsTold,
                    .goes_on = false,
                    .capacity = memory::capacity_of(means.device)};
  const std::string needs =
      fmt::format("needs: about {} for one window of {} tokens: weights {}, workspace {}\n", memory_text(s.needed),
                  shape.length, memory_text(bytes.weights), memory_text(bytes.workspace));
  return fact + "\n" + advice(s, needs, {});
}

}  // namespace bertft::run
