#pragma once

#include <string>

#include "bertft/device/options.h"

namespace bertft::train {

/// Ends the message of a run that diverges.
inline std::string diverged_advice(device::Precision precision) {
  const char* more = precision == device::Precision::kFp16 ? ", or leave fp16, whose numbers end at 65,504" : "";
  return std::string("Lower learning_rate, or add warmup_steps") + more +
         ". Checkpoints that the run has saved are untouched.";
}

}  // namespace bertft::train
