#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "bertft/checkpoint/checkpoints.h"

namespace bertft::checkpoint {

constexpr std::string_view kManifestName = "manifest.json";
constexpr const char* kOptimizerName = "optimizer.safetensors";
constexpr std::string_view kCheckpointPrefix = "checkpoint-";
constexpr int kFormatVersion = 2;

/// manifest.json for the files that stand in `directory` now: format version, and name,
/// bytes and SHA-256 of each.
std::string make_manifest(const std::string& directory);

/// The names of a checkpoint's files: those that its manifest lists, and the manifest.
/// throws InputError, CheckpointError
std::vector<std::string> files_of(const std::string& checkpoint_directory);

}  // namespace bertft::checkpoint
