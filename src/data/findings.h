#pragma once

#include <vector>

#include "bertft/data/check.h"
#include "bertft/data/dataset.h"

namespace bertft::data {

/// In file order, what a reader of the file should know.
std::vector<Finding> findings_of(const Dataset& dataset);

}  // namespace bertft::data
