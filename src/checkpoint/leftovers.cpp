#include "checkpoint/leftovers.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <system_error>

#include "bertft/util/error.h"
#include "bertft/util/file.h"
#include "bertft/weights/model_directory.h"
#include "checkpoint/manifest.h"

namespace bertft::checkpoint {
namespace {

namespace fs = std::filesystem;

fs::path trash_of(const fs::path& directory) {
  return directory.parent_path() / (std::string(kTrashPrefix) + directory.filename().string());
}

}  // namespace

bool is_leftover(std::string_view name) {
  if (name.starts_with(kTrashPrefix)) return name.substr(kTrashPrefix.size()).starts_with(kCheckpointPrefix);
  if (!name.starts_with(kTemporaryPrefix)) return false;
  name.remove_prefix(kTemporaryPrefix.size());
  // Of a published file, or two numbers: a step and a process, or a process and a count.
  return std::ranges::find(kPublished, name) != kPublished.end() ||
         std::ranges::find(weights::kTokenizerFiles, name) != weights::kTokenizerFiles.end() ||
         (std::ranges::count(name, '-') == 1 && name.find_first_not_of("0123456789-") == std::string_view::npos);
}

void remove_leftovers(const std::string& run_directory) {
  for (const auto& entry : fs::directory_iterator(run_directory)) {
    std::error_code ignored;
    if (is_leftover(entry.path().filename().string())) fs::remove_all(entry.path(), ignored);
  }
}

void remove_checkpoint(const std::string& directory) {
  const fs::path trash = trash_of(directory);
  std::error_code error;
  fs::remove_all(trash, error);
  fs::rename(directory, trash, error);
  if (!error) fs::remove_all(trash, error);
  if (error) throw StorageError(fmt::format("could not remove {}: {}", directory, error.message()));
}

void put_in_place(const std::string& temporary, const std::string& directory) {
  const fs::path trash = trash_of(directory);
  fs::remove_all(trash);
  const bool replaces = fs::exists(directory);
  if (replaces) fs::rename(directory, trash);
  std::error_code error;
  fs::rename(temporary, directory, error);
  if (error) {
    std::error_code ignored;
    if (replaces) fs::rename(trash, directory, ignored);
    throw StorageError(fmt::format("{} cannot be given its name: {}", directory, error.message()));
  }
  sync_directory(trash.parent_path().string());
  std::error_code ignored;
  fs::remove_all(trash, ignored);
}

}  // namespace bertft::checkpoint
