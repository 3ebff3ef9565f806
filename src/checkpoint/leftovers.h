#pragma once

#include <string>
#include <string_view>

namespace bertft::checkpoint {

// Names that readers ignore, so that a killed process leaves nothing half-written under a valid one.
constexpr std::string_view kTemporaryPrefix = ".tmp-";  // of what is being written
constexpr std::string_view kTrashPrefix = ".trash-";    // of a checkpoint that is being removed or replaced

/// Whether a file or directory of this name is what a killed process has left in a run directory.
bool is_leftover(std::string_view name);

/// Removes all of them, as far as the system lets it.
void remove_leftovers(const std::string& run_directory);

/// Removes a checkpoint: a crash in the middle leaves none under its name. throws StorageError
void remove_checkpoint(const std::string& directory);

/// Gives a complete checkpoint its name; an older one of the same step is whole, under one
/// name or the other, until the new one is there. throws StorageError
void put_in_place(const std::string& temporary, const std::string& directory);

}  // namespace bertft::checkpoint
