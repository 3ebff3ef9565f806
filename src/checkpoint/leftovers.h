#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace bertft::checkpoint {

// Of the name of a checkpoint that is being removed or replaced. Readers ignore it, as they do temporary names, so that
// a killed process leaves nothing half-written under a valid one.
constexpr std::string_view kTrashPrefix = ".trash-";

/// What lies in a directory; nothing where there is none. throws StorageError when it cannot be listed: that is not the
/// same as nothing
std::vector<std::filesystem::path> entries_of(const std::string& directory);

/// Whether a file or directory of this name is what a killed process has left in a run directory.
bool is_leftover(std::string_view name);

/// Removes all of them, as far as the system lets it.
void remove_leftovers(const std::string& run_directory);

/// A new directory beside `target`, for what takes target's place when it is whole; it goes with the object where
/// put_in_place() has not given it that name.
class DirectoryAside {
 public:
  /// throws std::filesystem::filesystem_error
  explicit DirectoryAside(const std::string& target);
  ~DirectoryAside();
  DirectoryAside(const DirectoryAside&) = delete;
  DirectoryAside& operator=(const DirectoryAside&) = delete;
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

/// Removes a checkpoint: a crash in the middle leaves none under its name. throws StorageError
void remove_checkpoint(const std::string& directory);

/// Gives a complete checkpoint its name; an older one of the same step is whole, under one
/// name or the other, until the new one is there. throws StorageError
void put_in_place(const std::string& temporary, const std::string& directory);

}  // namespace bertft::checkpoint
