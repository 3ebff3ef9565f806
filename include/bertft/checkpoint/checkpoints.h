#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bertft/util/error.h"

namespace bertft::checkpoint {

/// Of a checkpoint's files, and of a run's model.
inline constexpr const char *kWeightsName = "model.safetensors", *kStateName = "trainer_state.json";

/// "<run_directory>/checkpoint-<step>": the only place that makes this name.
std::string directory_of(const std::string& run_directory, std::int64_t step);

/// The step that a name of that form says; nothing for any other name.
std::optional<std::int64_t> step_of(std::string_view name);

struct Found {
  std::string directory;
  std::int64_t step;
};

/// Checkpoints of a run by name, newest first, unverified.
std::vector<Found> list_checkpoints(const std::string& run_directory);

/// Whether this program made it: somebody else's directory of such a name is left alone.
bool is_ours(const std::string& checkpoint_directory);

/// Those of list_checkpoints() that are ours.
std::vector<Found> list_own_checkpoints(const std::string& run_directory);

/// What is not ours and has the name of a checkpoint all the same: directories, files, links.
std::vector<Found> list_foreign_names(const std::string& run_directory);

/// Whether both have the same manifest, and with it the same files. throws InputError
bool is_copy(const std::string& checkpoint_directory, const std::string& other);

/// In a format that this version of the program does not read: whole, as far as it can say.
class OtherFormatError : public CheckpointError {
  using CheckpointError::CheckpointError;
};

/// Checks manifest.json and the size and hash of every file it names.
/// throws InputError when there is no such directory or a file cannot be read, OtherFormatError, CheckpointError naming
/// what is wrong
void verify(const std::string& directory);

/// The same for callers that need only the model: the optimizer's file may be missing. Says nothing of
/// directories that are no checkpoints of this program. throws CheckpointError
void verify_model(const std::string& directory);

/// Gives a checkpoint its name back that a process was replacing when it was killed. Only while
/// the run directory is held: another process may be replacing it now. throws StorageError, InputError
void restore_replaced(const std::string& run_directory);

/// The first of `candidates` that passes `check`; each that was passed over, since it throws a CheckpointError, is
/// added to `skipped` as one line. What may be good and cannot be read is not passed over. throws OtherFormatError, and
/// what else `check` throws
std::optional<Found> first_good(const std::vector<Found>& candidates,
                                const std::function<void(const std::string& directory)>& check,
                                std::vector<std::string>& skipped);

/// The newest checkpoint that verifies; `skipped` and what it throws as in first_good().
std::optional<Found> newest_good(const std::string& run_directory, std::vector<std::string>& skipped);

/// Copies a checkpoint, whole or not at all, and without what is not in its manifest, to `target`, as directory_of()
/// names it. throws StorageError, InputError, CheckpointError
void copy_checkpoint(const std::string& checkpoint_directory, const std::string& target);

/// Makes a checkpoint's model files the run directory's own, each by a temporary name and a rename;
/// `trainer_state`, the content of trainer_state.json, last. throws StorageError, InputError
void publish_model(const std::string& checkpoint_directory, const std::string& run_directory,
                   const std::string& trainer_state);

/// Removes from the run directory what publish_model() puts there; checkpoints stay.
void withdraw_model(const std::string& run_directory);

}  // namespace bertft::checkpoint
