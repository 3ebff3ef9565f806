#pragma once

#include <cstddef>
#include <string_view>

namespace bertft::data {

/// throws DataError "NAME:LINE:COL: error: REASON" for the byte of `text` at which JSON ends,
/// with a hint where the bytes look like something known.
[[noreturn]] void fail_syntax(std::string_view text, std::size_t byte_offset, std::string_view name,
                              std::string_view reason);

}  // namespace bertft::data
