#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "bertft/util/descriptor.h"

namespace bertft::checkpoint {

/// The resolved configuration, in a run directory and in each checkpoint.
inline constexpr const char* kStoredConfig = "bert_finetune_config.yaml";

/// What a probe has found, in the run directory, which may be made for it.
inline constexpr const char* kProbeName = "probe.json";

enum class Existing { kRefuse, kOverwrite, kContinue };

/// Throws OutputError when `path` cannot become or be used as the run directory: it is not
/// empty (under kRefuse), is a file, or cannot be written. Leaves nothing behind.
void check_run_directory(const std::string& path, Existing existing);

/// Throws OutputError when another process holds the run directory `path`. Leaves nothing behind.
void check_not_in_use(const std::string& path);

/// Bytes free on the disk where `path` is or would be made; none when the system does not say.
std::optional<std::uint64_t> free_bytes(const std::string& path);

/// Whether a run has been in `path`, so that locking it makes nothing new.
bool was_run_directory(const std::string& path);

/// The run directory, made and locked for this process for as long as the object lives.
class RunDirectory {
 public:
  /// throws OutputError, also when another run holds the directory
  RunDirectory(std::string path, Existing existing);
  ~RunDirectory();
  RunDirectory(const RunDirectory&) = delete;
  RunDirectory& operator=(const RunDirectory&) = delete;

  /// Removes what was made for this object, with what a probe has left there, when nothing came of it.
  void undo();

  /// Under kOverwrite, when first called: removes the checkpoints and the model that an earlier run of this
  /// program left; `remove_records` removes what other rooms know of. Separate from locking, so that a failure
  /// before the first step costs nobody an earlier run. What a process that was killed began to remove is
  /// removed under every policy: nothing is to go on from a part of it.
  void remove_replaced_run(const std::function<void()>& remove_records);

 private:
  std::string path_;
  Existing existing_;
  bool is_new_, has_new_lock_;
  std::optional<Descriptor> lock_;  // run.lock, from when it has been opened
};

}  // namespace bertft::checkpoint
