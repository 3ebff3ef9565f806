#pragma once

#include <functional>

#include "bertft/run/torch_half.h"

namespace bertft::run {

/// TorchHalf::answer.
AnswerRun answer(const TrainedModel& model, const eval::Task& task, const Invocation& invocation,
                 const std::function<void()>& when_ready);

}  // namespace bertft::run
