#pragma once

// clang-format off: an option stands on one line, however long

#include <cstdint>
#include <optional>
#include <string>

#include "bertft/util/option.h"

namespace bertft::memory {

enum class ProbeMemory { kOff, kAuto };
inline std::vector<OptionName<ProbeMemory>> option_names(ProbeMemory) {
  return {{ProbeMemory::kOff, "off"}, {ProbeMemory::kAuto, "auto"}};
}

enum class ProbeProcess { kAuto, kSame, kChild };
inline std::vector<OptionName<ProbeProcess>> option_names(ProbeProcess) {
  return {{ProbeProcess::kAuto, "auto"}, {ProbeProcess::kSame, "same"}, {ProbeProcess::kChild, "child"}};
}

enum class MemorySavers { kOff, kAuto };
inline std::vector<OptionName<MemorySavers>> option_names(MemorySavers) {
  return {{MemorySavers::kOff, "off"}, {MemorySavers::kAuto, "auto"}};
}

/// How much memory a run may use on its device, and whether it first finds out what fits.
struct MemoryOptions {
  std::optional<std::string> memory_limit = {};
  std::optional<std::string> memory_reserve = {};
  MemorySavers memory_savers = MemorySavers::kOff;
  ProbeMemory probe_memory = ProbeMemory::kOff;
  std::optional<std::int64_t> probe_up_to = {};
  ProbeProcess probe_process = ProbeProcess::kAuto;
};

template <class Visitor>
void visit(Visitor& v, MemoryOptions& o) {
  v.field("memory_limit", o.memory_limit, {.help = "most memory for tensors on the device, such as 12GiB or 50% of it; unset: what is free", .above = 0, .unset_name = "auto", .is_memory_amount = true, .is_free_to_change = true, .stays_with_training = true});
  v.field("memory_reserve", o.memory_reserve, {.help = "part of that which no plan fills, such as 512MiB or 5%; unset: 3% or 256MiB, whichever is more", .unset_name = "auto", .is_memory_amount = true, .is_free_to_change = true, .stays_with_training = true});
  v.group("Fitting into memory");  // of a training: eval and predict have no such flags
  v.field("memory_savers", o.memory_savers, {.help = "auto: when not even one feature fits a training step, turn on gradient_checkpointing, then bf16 (fp16 on a GPU before Ampere), where these are auto; a resumed run keeps them until this is off", .is_free_to_change = true, .stays_with_training = true});
  v.field("probe_memory", o.probe_memory, {.help = "auto: before training, find the micro-batch that fits, or take it from a probe.json that still holds", .is_free_to_change = true});
  v.field("probe_up_to", o.probe_up_to, {.help = "largest micro-batch that is tried; unset: the effective batch, and all of train_file for --probe-memory", .unit = "features", .at_least = 1, .at_most = 1e8, .unset_name = "auto", .is_free_to_change = true});
  v.field("probe_process", o.probe_process, {.help = "where the probe before a training runs; auto: in a process of its own on a GPU, before the training opens it, and in the same on a CPU", .is_free_to_change = true});
}

}  // namespace bertft::memory
