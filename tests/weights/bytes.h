#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace bertft::weights {

inline std::span<const std::byte> as_bytes(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

/// A safetensors file: the length, the header, the data.
inline std::string safetensors(std::string_view header, std::string_view data, std::uint64_t header_length) {
  std::string file;
  for (int shift = 0; shift < 64; shift += 8) file += static_cast<char>(header_length >> shift & 0xFF);
  return file.append(header).append(data);
}
inline std::string safetensors(std::string_view header, std::string_view data = "") {
  return safetensors(header, data, header.size());
}

}  // namespace bertft::weights
