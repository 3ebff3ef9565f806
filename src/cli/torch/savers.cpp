#include "cli/torch/savers.h"

#include <fmt/format.h>

#include <algorithm>

#include "bertft/util/log.h"
#include "bertft/util/text.h"

namespace bertft::cli {
namespace {

using memory::Saver;

constexpr const char* kOrigin = "memory_savers: auto";
// The estimate is good to a tenth: nearer to the limit only a real step can say.
constexpr double kTrust = 1.1;

bool is_set_by_user(const Job& job, const std::string& key) {
  const auto origin = job.resolved.origins.find(key);
  return origin != job.resolved.origins.end() && origin->second != "default";
}

// Whether this one may be chosen for the user.
bool may_take(const Job& job, const Saver& saver) {
  return saver.is_automatic && !is_set_by_user(job, saver.key) && can_be_taken(job.device, saver);
}

void turn_on(Job& job, Saver::Kind kind) {
  config::Options& options = job.resolved.options;
  if (kind == Saver::Kind::kGradientCheckpointing) {
    options.model.gradient_checkpointing = true;
    job.resolved.origins["gradient_checkpointing"] = kOrigin;
  } else {
    options.device.bf16 = true;
    job.resolved.origins["bf16"] = kOrigin;
    job.device = device::select_device(options.device);
  }
}

}  // namespace

bool can_be_taken(const device::Device& device, const Saver& saver) {
  return saver.kind != Saver::Kind::kBf16 || !device.is_cuda();
}

bool take_saver(Job& job, const std::string& why) {
  if (job.options().memory.memory_savers != memory::MemorySavers::kAuto) return false;
  const memory::StepShape shape = step_shape(job);
  for (const Saver& saver : memory::savers_left(shape)) {
    if (!memory::helps_one_feature(shape, saver) || !may_take(job, saver)) continue;
    turn_on(job, saver.kind);
    log::warn(fmt::format("memory_savers: {} is on (saves {} of a feature's step; {}): {}", saver.key,
                          memory_text(memory::saved_bytes(shape, saver, 1)), saver.cost, why));
    return true;
  }
  return false;
}

void take_expected_savers(Job& job) {
  while (true) {
    const std::uint64_t needed = memory::plan_step(step_shape(job), 1).tensors();
    if (static_cast<double>(needed) <= kTrust * static_cast<double>(job.budget.usable)) return;
    const std::string why =
        fmt::format("one feature would take about {} of {}", memory_text(needed), memory_text(job.budget.usable));
    if (!take_saver(job, why)) return;
  }
}

std::vector<std::string> taken_savers(const Job& job) {
  std::vector<std::string> keys;
  for (const auto& [key, origin] : job.resolved.origins) {
    if (origin == kOrigin) keys.push_back(key);
  }
  return keys;
}

void keep_savers(Job& job, const std::vector<std::string>& keys) {
  const bool is_unwanted =
      job.options().memory.memory_savers == memory::MemorySavers::kOff && is_set_by_user(job, "memory_savers");
  for (const Saver& saver : memory::savers_left(step_shape(job))) {
    if (std::find(keys.begin(), keys.end(), saver.key) == keys.end() || !may_take(job, saver)) continue;
    if (is_unwanted) {
      log::info(fmt::format("memory_savers: {} is off again", saver.key));
      continue;
    }
    turn_on(job, saver.kind);
    log::info(fmt::format("memory_savers: {} stays on, as before (memory_savers: off ends that)", saver.key));
  }
}

}  // namespace bertft::cli
