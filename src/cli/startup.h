#pragma once

#include <string_view>

namespace bertft::cli {

/// Says under -v how long a part of the start took that is done now: since the part before it,
/// and since the process was launched, of which loading the libraries is the first part.
void note_startup(std::string_view part);

}  // namespace bertft::cli
