#pragma once

#include <optional>

#include "bertft/util/option.h"

namespace bertft::device {

enum class DeviceChoice { kAuto, kCuda, kCpu };
inline std::vector<OptionName<DeviceChoice>> option_names(DeviceChoice) {
  return {{DeviceChoice::kAuto, "auto"}, {DeviceChoice::kCuda, "cuda"}, {DeviceChoice::kCpu, "cpu"}, {DeviceChoice::kCuda, "gpu"}};
}

/// Where the arithmetic is done, and how precisely.
struct DeviceOptions {
  DeviceChoice device = DeviceChoice::kAuto;
  std::optional<bool> bf16;
  bool tf32 = false;
  bool full_determinism = false;
};

template <class Visitor>
void visit(Visitor& v, DeviceOptions& o) {
  v.field("device", o.device, {.help = "auto takes a GPU if there is one and says which it took; cuda without a GPU is an error", .is_free_to_change = true, .stays_with_training = true});
  v.field("bf16", o.bf16, {.help = "bfloat16 arithmetic over fp32 weights; auto: on for GPUs from Ampere on, off elsewhere", .unset_name = "auto"});
  v.field("tf32", o.tf32, {.help = "TF32 matrix products in fp32 runs on GPUs from Ampere on", .null_changes_nothing = true});
  v.field("full_determinism", o.full_determinism, {.help = "equal runs give equal bits on a GPU too (slower); a CPU run always does"});
}

}  // namespace bertft::device
