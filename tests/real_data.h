#pragma once

#include <cstdlib>
#include <filesystem>
#include <optional>

namespace bertft {

/// The folder that an environment variable names.
inline std::optional<std::filesystem::path> folder_of(const char* variable) {
  const char* folder = std::getenv(variable);
  if (folder == nullptr || *folder == '\0') return std::nullopt;
  return folder;
}

/// The large real data set. Tests that need it are skipped without.
inline std::optional<std::filesystem::path> data_directory() {
  return folder_of("BERTFT_DATA_DIR");
}

}  // namespace bertft
