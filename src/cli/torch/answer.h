#pragma once

#include "cli/torch_half.h"

namespace bertft::cli {

/// TorchHalf::answer.
AnswerRun answer(const TrainedModel& model, const eval::Task& task, const std::function<void()>& when_ready);

}  // namespace bertft::cli
