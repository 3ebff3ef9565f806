#pragma once

#include <cstddef>
#include <map>
#include <span>
#include <string>
#include <string_view>

#include "bertft/weights/safetensors.h"

namespace bertft::weights {

/// What a safetensors file holds. The views point into the bytes it was read from.
struct TensorTable {
  std::map<std::string, TensorView> tensors;
  std::map<std::string, std::string> metadata;
};

/// Checks all of a file's bytes against the format's rules, without touching a file.
///
///   length-prefix       8 bytes, little endian: the length of the header
///   header-limit        the header has at most 10 MB
///   header-inside-file  the header ends within the file
///   header-start        the header begins with '{'
///   header-utf8         the header is UTF-8
///   header-json         the header is one JSON object; white space may follow, NUL may not
///   unique-names        no tensor, field or metadata key occurs twice
///   tensor-limit        at most 10,000 tensors
///   metadata-strings    __metadata__ is an object of strings
///   tensor-entry        a tensor is an object of exactly dtype, shape and data_offsets
///   dtype               dtype is one that we read
///   shape               shape is a list of non-negative integers whose product fits 64 bits
///   data-offsets        data_offsets are two non-negative integers, begin <= end
///   byte-count          end - begin is the shape's number of elements times the dtype's size
///   no-overlap, no-gap  the tensors lie back to back from offset 0 (empty ones may share one)
///   data-end            the last tensor ends where the file ends
///
/// name    stands for the file in messages
/// throws  WeightsError that names the rule and the tensor
TensorTable check_safetensors(std::span<const std::byte> bytes, std::string_view name);

/// True when the bytes could be meant as safetensors: a plausible length, then '{'. Tells a
/// damaged file from a foreign one.
bool looks_like_safetensors(std::span<const std::byte> bytes);

}  // namespace bertft::weights
