#pragma once

#include "cli/torch_half.h"

namespace bertft::cli {

/// TorchHalf::train.
int train(Inputs inputs, TrainMode mode);

}  // namespace bertft::cli
