#include "cli/out_of_memory.h"

#include <fmt/format.h>

#include <algorithm>

#include "bertft/memory/budget.h"
#include "bertft/memory/savers.h"
#include "bertft/util/log.h"
#include "bertft/util/text.h"
#include "cli/own_command.h"

namespace bertft::cli {
namespace {

using memory::Saver;

constexpr const char* kOrigin = "memory_savers: auto";
constexpr double kMargin = 1.1;  // an estimate's error
constexpr std::size_t kMostRemedies = 3;

bool is_set_by_user(const Inputs& in, const std::string& key) {
  const auto origin = in.resolved.origins.find(key);
  return origin != in.resolved.origins.end() && origin->second != "default";
}

// Whether this one may be chosen for the user. A GPU that can compute in bf16 does so already.
bool may_take(const Inputs& in, const Saver& saver) {
  if (!saver.is_automatic || is_set_by_user(in, saver.key)) return false;
  return saver.kind != Saver::Kind::kBf16 || !in.device.is_cuda();
}

void turn_on(Inputs& in, Saver::Kind kind) {
  config::Options& options = in.resolved.options;
  if (kind == Saver::Kind::kGradientCheckpointing) {
    options.model.gradient_checkpointing = true;
    in.resolved.origins["gradient_checkpointing"] = kOrigin;
  } else {
    options.device.bf16 = true;
    in.resolved.origins["bf16"] = kOrigin;
    in.device = device::select_device(options.device);
  }
}

struct Remedy {
  std::string what, effect;
};

// What an explanation is made of.
struct Situation {
  memory::StepShape shape;
  memory::StepBytes needs;  // of one feature
  memory::Capacity device;
  std::optional<std::string> sufficient_limit;
};

// A memory_limit under which one feature is expected to fit, when the device has that much.
std::optional<std::string> sufficient_limit(const Inputs& in, std::uint64_t needed, const memory::Capacity& device) {
  if (!in.options().memory.memory_limit) return std::nullopt;
  constexpr std::uint64_t kMib = std::uint64_t{1} << 20;
  const std::uint64_t reserve = in.budget.limit - in.budget.usable;
  const auto limit = static_cast<std::uint64_t>(kMargin * static_cast<double>(needed)) + reserve;
  if (limit > device.free) return std::nullopt;
  return fmt::format("{}MiB", limit / kMib + 1);
}

std::vector<Remedy> remedies(const Inputs& in, const Situation& situation) {
  const auto& [shape, needs, device, limit] = situation;
  std::vector<Remedy> list;
  if (limit) {
    list.push_back({"memory_limit: " + *limit, fmt::format("would do; {} are free", memory_text(device.free))});
  }
  for (const Saver& saver : memory::savers_left(shape)) {
    if (memory::helps_one_feature(shape, saver)) {
      list.push_back({saver.setting(),
                      fmt::format("saves {}; {}", memory_text(memory::saved_bytes(shape, saver, 1)), saver.cost)});
    }
  }
  const std::uint64_t others = device.total - std::min(device.total, device.free + memory::use_of(in.device).now);
  if (!in.options().memory.memory_limit && needs.tensors() <= in.budget.usable + others) {
    list.push_back({"closing other programs", fmt::format("frees up to {}", memory_text(others))});
  }
  if (list.size() > kMostRemedies) list.resize(kMostRemedies);
  return list;
}

// The fewest settings that are expected to be enough; none when there are none.
std::vector<std::string> sufficient_settings(const Inputs& in, const Situation& situation) {
  if (situation.sufficient_limit) return {"memory_limit=" + *situation.sufficient_limit};
  memory::StepShape shape = situation.shape;
  std::vector<std::string> settings;
  const auto room = static_cast<std::uint64_t>(static_cast<double>(in.budget.usable) / kMargin);
  for (const Saver& saver : memory::savers_needed(shape, room)) {
    shape = memory::with_saver(shape, saver);
    settings.push_back(saver.key + "=" + saver.value);
  }
  return memory::plan_step(shape, 1).tensors() <= room ? settings : std::vector<std::string>{};
}

}  // namespace

bool take_saver(Inputs& in, const std::string& why) {
  if (in.options().memory.memory_savers != memory::MemorySavers::kAuto) return false;
  const memory::StepShape shape = step_shape(in);
  for (const Saver& saver : memory::savers_left(shape)) {
    if (!memory::helps_one_feature(shape, saver) || !may_take(in, saver)) continue;
    turn_on(in, saver.kind);
    log::warn(fmt::format("memory_savers: {} is on (saves {} of a feature's step; {}): {}", saver.key,
                          memory_text(memory::saved_bytes(shape, saver, 1)), saver.cost, why));
    return true;
  }
  return false;
}

void take_expected_savers(Inputs& in) {
  while (true) {
    const std::uint64_t needed = memory::plan_step(step_shape(in), 1).tensors();
    if (needed <= in.budget.usable) return;
    const std::string why =
        fmt::format("one feature would take about {} of {}", memory_text(needed), memory_text(in.budget.usable));
    if (!take_saver(in, why)) return;
  }
}

void keep_savers(Inputs& in, const config::Options& before) {
  if (in.options().memory.memory_savers != memory::MemorySavers::kAuto) return;
  if (before.model.gradient_checkpointing && !is_set_by_user(in, "gradient_checkpointing")) {
    turn_on(in, Saver::Kind::kGradientCheckpointing);
  }
  if (before.device.bf16 == true && !is_set_by_user(in, "bf16")) turn_on(in, Saver::Kind::kBf16);
}

std::string explain_shortage(const Inputs& in, const std::string& fact, const std::optional<std::string>& saved) {
  Situation situation{step_shape(in), {}, memory::capacity_of(in.device), {}};
  situation.needs = memory::plan_step(situation.shape, 1);
  situation.sufficient_limit = sufficient_limit(in, situation.needs.tensors(), situation.device);
  const auto& [shape, needs, device, limit] = situation;
  std::string text = fmt::format(
      "{}\n"
      "has:   {} to be used ({}); {}: {}, {} free\n"
      "needs: about {} for one feature of {} tokens: weights {}, gradients {},\n"
      "       AdamW {}, activations {}, workspace {}\n",
      fact, memory_text(in.budget.usable), in.budget.source, in.device.description, memory_text(device.total),
      memory_text(device.free), memory_text(needs.tensors()), shape.length, memory_text(needs.weights),
      memory_text(needs.gradients), memory_text(needs.optimizer), memory_text(needs.activations),
      memory_text(needs.workspace));
  const char* head = "fix:  ";
  for (const Remedy& remedy : remedies(in, situation)) {
    text += fmt::format("{} {:<30} {}\n", std::exchange(head, "      "), remedy.what, remedy.effect);
  }
  const std::vector<std::string> settings = sufficient_settings(in, situation);
  text += settings.empty() ? "try:   a smaller model; no settings are expected to be enough\n"
                           : "try:   " + command_to_go_on(settings) + "\n";
  if (saved) text += "saved: " + *saved + " (nothing is lost)\n";
  text.pop_back();
  return text;
}

}  // namespace bertft::cli
