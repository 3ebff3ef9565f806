#pragma once

#include <functional>

#include "bertft/run/torch_library.h"

namespace bertft::run {

/// TorchLibrary::answer.
AnswerRun answer(const TrainedModel& model, const eval::Task& task, const Invocation& invocation,
                 const std::function<void()>& when_ready);

}  // namespace bertft::run
