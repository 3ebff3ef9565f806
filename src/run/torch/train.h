#pragma once

#include <optional>

#include "bertft/run/torch_library.h"

namespace bertft::run {

/// What a train command was told to do: TorchLibrary::train.
std::optional<int> carry_out(Inputs inputs, TrainMode mode, const Invocation& invocation);

}  // namespace bertft::run
