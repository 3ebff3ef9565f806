#pragma once

#include <string>
#include <vector>

#include "bertft/weights/safetensors.h"

namespace bertft::weights {

/// Opens the weights of a model directory: model.safetensors, else the shards that
/// model.safetensors.index.json lists, checked against the index.
///
/// throws as read_weights, for what concerns files
std::vector<SafetensorsFile> open_weight_files(const std::string& directory);

}  // namespace bertft::weights
