#pragma once

#include <functional>
#include <string>

#include "bertft/data/features.h"

namespace bertft::data {

/// Receives the index of a question that leaves no room for its context and what is wrong,
/// such as "382 tokens of question leave no room for context".
using OnNoRoom = std::function<void(std::uint32_t question_idx, const std::string& what)>;

/// make_features, which decides by itself what becomes of questions without room: they get
/// no windows when `on_no_room` returns.
Features cut_features(const Dataset& dataset, Tokens tokens, const DataOptions& options, Purpose purpose,
                      const OnNoRoom& on_no_room);

}  // namespace bertft::data
