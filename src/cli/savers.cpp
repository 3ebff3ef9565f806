#include "cli/savers.h"

#include <fmt/format.h>

#include <algorithm>

#include "bertft/memory/savers.h"
#include "bertft/util/log.h"
#include "bertft/util/text.h"

namespace bertft::cli {
namespace {

using memory::Saver;

constexpr const char* kOrigin = "memory_savers: auto";

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

std::vector<std::string> taken_savers(const Inputs& in) {
  std::vector<std::string> keys;
  for (const auto& [key, origin] : in.resolved.origins) {
    if (origin == kOrigin) keys.push_back(key);
  }
  return keys;
}

void keep_savers(Inputs& in, const std::vector<std::string>& keys) {
  const bool is_unwanted =
      in.options().memory.memory_savers == memory::MemorySavers::kOff && is_set_by_user(in, "memory_savers");
  for (const Saver& saver : memory::savers_left(step_shape(in))) {
    if (std::find(keys.begin(), keys.end(), saver.key) == keys.end() || !may_take(in, saver)) continue;
    if (is_unwanted) {
      log::info(fmt::format("memory_savers: {} is off again", saver.key));
      continue;
    }
    turn_on(in, saver.kind);
    log::info(fmt::format("memory_savers: {} stays on, as before (memory_savers: off ends that)", saver.key));
  }
}

}  // namespace bertft::cli
