#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string_view>

namespace bertft::weights {

/// What a file is that was given for safetensors, and what the user can do about it.
struct ForeignFormat {
  std::string_view what;    // "a PyTorch checkpoint (zip of pickles)"
  std::string_view advice;  // one line, often a command
};

/// Recognises a file by its first bytes; none when they say nothing.
std::optional<ForeignFormat> recognise_foreign(std::span<const std::byte> bytes);

/// Recognises, likewise, what a download that went wrong leaves in the place of any file.
std::optional<ForeignFormat> recognise_failed_download(std::string_view bytes);

/// Recognises weights in other formats by file name; none when the name says nothing.
std::optional<ForeignFormat> recognise_foreign_name(std::string_view file_name);

}  // namespace bertft::weights
