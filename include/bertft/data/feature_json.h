#pragma once

#include "bertft/data/dataset.h"
#include "bertft/data/features.h"
#include "bertft/util/json.h"

namespace bertft::data {

/// A window for people who debug and for comparisons with other programs: {id, window,
/// input_ids, token_type_ids, offsets, start, end}. Offsets are [begin, end) in code points
/// of the context, null outside it.
Json feature_json(const Dataset& dataset, const Features& features, const Window& window);

}  // namespace bertft::data
