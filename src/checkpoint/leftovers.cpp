#include "checkpoint/leftovers.h"

#include <fmt/format.h>

#include <system_error>

#include "bertft/util/error.h"
#include "bertft/util/file.h"
#include "checkpoint/manifest.h"

namespace bertft::checkpoint {
namespace {

namespace fs = std::filesystem;

fs::path trash_of(const fs::path& directory) {
  return directory.parent_path() / (std::string(kTrashPrefix) + directory.filename().string());
}

}  // namespace

std::vector<fs::path> entries_of(const std::string& directory) {
  std::vector<fs::path> entries;
  std::error_code ignored;
  if (!fs::is_directory(directory, ignored)) return entries;
  try {
    for (const fs::directory_entry& entry : fs::directory_iterator(directory)) entries.push_back(entry.path());
  } catch (const fs::filesystem_error& e) {
    throw StorageError(fmt::format("{} cannot be listed: {}", directory, e.code().message()));
  }
  return entries;
}

bool is_leftover(std::string_view name) {
  return is_temporary_name(name) ||
         (name.starts_with(kTrashPrefix) && name.substr(kTrashPrefix.size()).starts_with(kCheckpointPrefix));
}

void remove_leftovers(const std::string& run_directory) {
  for (const fs::path& entry : entries_of(run_directory)) {
    std::error_code ignored;
    if (is_leftover(entry.filename().string())) fs::remove_all(entry, ignored);
  }
}

DirectoryAside::DirectoryAside(const std::string& target) : path_(unused_name_beside(target)) {
  fs::create_directory(path_);
}

DirectoryAside::~DirectoryAside() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
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
  if (replaces && !is_ours(directory)) {
    throw StorageError(fmt::format("{} has its name and is not of this program; move it away", directory));
  }
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
