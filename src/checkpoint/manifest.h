#pragma once

#include <string>
#include <string_view>

namespace bertft::checkpoint {

constexpr std::string_view kManifestName = "manifest.json";
constexpr const char* kOptimizerName = "optimizer.safetensors";
// Of a checkpoint that is being removed or replaced.
constexpr std::string_view kTrashPrefix = ".trash-";
constexpr int kFormatVersion = 1;

/// manifest.json for the files that stand in `directory` now: format version, and name,
/// bytes and SHA-256 of each.
std::string make_manifest(const std::string& directory);

}  // namespace bertft::checkpoint
