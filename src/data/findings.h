#pragma once

#include "bertft/data/dataset.h"

namespace bertft::data {

/// Compares every answer with its context: sets Answer::aligned and appends to
/// dataset.findings, in file order, what a reader of the file should know.
void examine(Dataset& dataset);

}  // namespace bertft::data
