#pragma once

#include <string_view>

namespace bertft::memory {

/// Whether the text of an error means "out of memory": all spellings of CUDA, cuBLAS, cuDNN, the
/// CPU allocator and PyTorch's caching allocator.
bool says_out_of_memory(std::string_view text);

/// Whether it says, besides, that the driver broke off the growing of a segment, which may refuse whatever is asked
/// of it later (pytorch#188008).
bool says_growing_was_broken_off(std::string_view text);

}  // namespace bertft::memory
