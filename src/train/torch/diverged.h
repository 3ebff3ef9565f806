#pragma once

namespace bertft::train {

/// Ends the message of a run that diverges.
inline constexpr const char* kDivergedAdvice =
    "Lower learning_rate, or add warmup_steps. Checkpoints that the run has saved are untouched.";

}  // namespace bertft::train
