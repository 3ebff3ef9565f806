#pragma once

// clang-format off: an option stands on one line, however long

#include <optional>

#include "bertft/util/option.h"

namespace bertft::device {

enum class DeviceChoice { kAuto, kCuda, kCpu };
inline std::vector<OptionName<DeviceChoice>> option_names(DeviceChoice) {
  return {{DeviceChoice::kAuto, "auto"}, {DeviceChoice::kCuda, "cuda"}, {DeviceChoice::kCpu, "cpu"}, {DeviceChoice::kCuda, "gpu"}};
}

/// What linear layers and attention compute in. Weights, their gradients and the optimizer's moments are fp32 always.
enum class Precision { kFp32, kBf16, kFp16 };
inline std::vector<OptionName<Precision>> option_names(Precision) {
  return {{Precision::kFp32, "fp32"}, {Precision::kBf16, "bf16"}, {Precision::kFp16, "fp16"}};
}

inline bool is_half(Precision precision) {
  return precision != Precision::kFp32;
}

/// Where the arithmetic is done, and how precisely.
struct DeviceOptions {
  DeviceChoice device = DeviceChoice::kAuto;
  std::optional<bool> bf16;
  std::optional<bool> fp16;
  bool tf32 = false;
  bool full_determinism = false;
};

template <class Visitor>
void visit(Visitor& v, DeviceOptions& o) {
  v.field("device", o.device, {.help = "auto takes a GPU if there is one and says which it took; cuda without a GPU is an error", .is_free_to_change = true, .stays_with_training = true});
  v.field("bf16", o.bf16, {.help = "bfloat16 arithmetic over fp32 weights; auto: on for GPUs from Ampere on, off elsewhere", .unset_name = "auto"});
  v.field("fp16", o.fp16, {.help = "float16 arithmetic over fp32 weights, the loss scaled so that gradients do not vanish: for GPUs before Ampere, which have no bf16; auto: off", .unset_name = "auto"});
  v.field("tf32", o.tf32, {.help = "TF32 matrix products in fp32 runs on GPUs from Ampere on", .null_changes_nothing = true});
  v.field("full_determinism", o.full_determinism, {.help = "equal runs give equal bits on a GPU too (slower); a CPU run always does"});
}

/// What the options ask for; `bf16_by_default` where they leave it to the device.
inline Precision precision_of(const DeviceOptions& options, bool bf16_by_default) {
  if (options.fp16.value_or(false)) return Precision::kFp16;
  return options.bf16.value_or(bf16_by_default) ? Precision::kBf16 : Precision::kFp32;
}

}  // namespace bertft::device
