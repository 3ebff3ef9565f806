#pragma once

#include "cli/torch_half.h"

namespace bertft::cli {

/// TorchHalf::answer.
AnswerRun answer(const TrainedModel& model, const eval::Task& task);

}  // namespace bertft::cli
