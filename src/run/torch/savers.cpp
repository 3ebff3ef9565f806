#include "run/torch/savers.h"

#include <fmt/format.h>

#include <algorithm>

#include "bertft/util/log.h"
#include "bertft/util/text.h"

namespace bertft::run {
namespace {

using device::Precision;
using memory::Saver;

// The option of this key, where it is a saver's.
template <class Options>
auto option_of(Options& options, std::string_view key) -> decltype(&options.model.gradient_checkpointing) {
  if (key == "gradient_checkpointing") return &options.model.gradient_checkpointing;
  if (key == name_of(Precision::kBf16)) return &options.device.bf16;
  if (key == name_of(Precision::kFp16)) return &options.device.fp16;
  return nullptr;
}

// Whether this one may be chosen for the user: an option that the configuration sets is not changed.
bool may_be_set(const config::Options& options, std::string_view key) {
  const std::optional<bool>* option = option_of(options, key);
  const bool is_other_half = key == name_of(Precision::kFp16) && options.device.bf16.value_or(false);
  return option != nullptr && !option->has_value() && !is_other_half;
}

bool may_take(const Job& job, const Saver& saver) {
  return saver.is_automatic && may_be_set(job.options(), saver.key) && can_be_taken(job.means.device, saver);
}

void set(config::Resolved& resolved, const std::string& key) {
  *option_of(resolved.options, key) = true;
  resolved.origins[key] = "memory_savers: auto";
}

// Whether what the saver of this key turns on is on.
bool is_on(const Job& job, const std::string& key) {
  const memory::StepShape shape = step_shape(job);
  return key == "gradient_checkpointing" ? shape.gradient_checkpointing : name_of(shape.precision) == key;
}

void turn_on(Job& job, const Saver& saver) {
  set(job.inputs.resolved, saver.key);
  if (saver.precision) job.means.device = device::select_device(job.options().device);
  job.savers.insert(saver.key);
}

}  // namespace

bool can_be_taken(const device::Device& device, const Saver& saver) {
  return saver.precision != Precision::kBf16 || !device.is_cuda();
}

std::set<std::string> adopt_savers(config::Resolved& resolved, const std::set<std::string>& keys) {
  std::set<std::string> adopted;
  if (resolved.options.memory.memory_savers != memory::MemorySavers::kAuto) return adopted;
  for (const std::string& key : keys) {
    if (!may_be_set(resolved.options, key)) continue;
    set(resolved, key);
    adopted.insert(key);
    log::debug(fmt::format("memory_savers: {} is on, as the probe has found", key));  // for the run's own log
  }
  return adopted;
}

bool take_saver(Job& job, const std::string& why) {
  if (job.options().memory.memory_savers != memory::MemorySavers::kAuto) return false;
  const memory::StepShape shape = step_shape(job);
  for (const Saver& saver : memory::savers_left(shape)) {
    if (!memory::helps_one_feature(shape, saver) || !may_take(job, saver)) continue;
    turn_on(job, saver);
    log::warn(fmt::format("memory_savers: {} is on (saves {} of a feature's step; {}): {}", saver.key,
                          memory_text(memory::saved_bytes(shape, saver, 1)), saver.cost, why));
    return true;
  }
  return false;
}

void take_expected_savers(Job& job) {
  while (true) {
    const std::uint64_t needed = memory::plan_least(step_shape(job)).tensors();
    // Nearer to the limit only a real step can say.
    if (static_cast<double>(needed) <= memory::kEstimateError * static_cast<double>(job.means.budget.usable)) return;
    const std::string why =
        fmt::format("one feature would take about {} of {}", memory_text(needed), memory_text(job.means.budget.usable));
    if (!take_saver(job, why)) return;
  }
}

void keep_savers(Job& job, const std::vector<std::string>& keys) {
  const std::vector<Saver> left = memory::savers_left(step_shape(job));
  for (const std::string& key : keys) {
    const auto saver = std::find_if(left.begin(), left.end(), [&](const Saver& s) { return s.key == key; });
    if (is_on(job, key)) {  // since the configuration that is stored with the run says so
      job.savers.insert(key);
      if (job.options().memory.memory_savers == memory::MemorySavers::kOff) {
        log::info(fmt::format("memory_savers: {} stays on, since the configuration sets it", key));
      }
    } else if (saver != left.end() && may_take(job, *saver) &&
               job.options().memory.memory_savers == memory::MemorySavers::kAuto) {
      turn_on(job, *saver);
      log::info(fmt::format("memory_savers: {} stays on, as before (memory_savers: off ends that)", key));
    } else {
      log::info(fmt::format("memory_savers: {} is off again", key));
    }
  }
}

}  // namespace bertft::run
