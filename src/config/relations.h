#pragma once

#include <set>
#include <string>

#include "bertft/config/config.h"
#include "config/problems.h"

namespace bertft::config {

/// Checks what options demand of each other, after all sources are merged. A relation is left
/// out when one of its keys is in `doubtful`: an error about that key has been reported already.
/// Every problem names the values and where they came from.
void check_relations(const Resolved& resolved, const std::set<std::string, std::less<>>& doubtful, Place place,
                     Problems& problems);

}  // namespace bertft::config
