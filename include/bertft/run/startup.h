#pragma once

#include <string_view>

namespace bertft::run {

/// Says under -v how long a part of the start took that is done now: since the part before it,
/// and since the process was launched.
void note_startup(std::string_view part);

}  // namespace bertft::run
