#pragma once

#include "cli/torch_half.h"

namespace bertft::cli {

/// What a train command was told to do: TorchHalf::train.
int carry_out(Inputs inputs, TrainMode mode);

}  // namespace bertft::cli
