#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace bertft::checkpoint {

struct NamedTensor {
  std::string name;
  at::Tensor tensor;
};

/// Which older checkpoints stay when a new one is complete.
struct Retention {
  std::optional<std::int64_t> newest;  // unset keeps all
  std::optional<std::int64_t> best_step;
};

/// Everything a run needs to go on (RELIABILITY §4.1, CONVENTIONS §3.4).
struct Snapshot {
  std::int64_t step = 0;
  std::vector<NamedTensor> model;            // -> model.safetensors, fp32
  std::vector<NamedTensor> optimizer;        // -> optimizer.safetensors, fp32
  std::map<std::string, std::string> files;  // name -> content of the small files
  Retention retention;
};

/// Writes the checkpoints of one run directory. A checkpoint exists completely or not at
/// all: a temporary directory beside it, every file fsynced, manifest.json with sizes and
/// SHA-256 last, then one rename.
class Store {
 public:
  explicit Store(std::string run_directory);
  ~Store();  // waits; a failure that nobody asked for with wait() is logged
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;

  /// Copies the tensors to the host, then writes in the background while training goes on.
  /// Waits first for an earlier save that is still being written. `before_writing` is called
  /// when the caller may go on, before anything is written: what it notes down is there
  /// whenever the checkpoint is.
  /// Where there is no memory for the copies, it writes at once and training waits.
  /// throws StorageError of that earlier save, and of this one when it is written at once
  void save(const Snapshot& snapshot, const std::function<void()>& before_writing = {});

  /// Returns when nothing is being written any more. throws StorageError
  void wait();
  /// True while a save may be in work, which holds copies of the tensors until wait() returns.
  bool is_writing() const;

  /// Removes the checkpoints that `retention` does not keep, as save() does in the end.
  void prune(const Retention& retention);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// "<run_directory>/checkpoint-<step>": the only place that makes this name.
std::string directory_of(const std::string& run_directory, std::int64_t step);

struct Found {
  std::string directory;
  std::int64_t step;
};

/// Checkpoints of a run by name, newest first, unverified.
std::vector<Found> list_checkpoints(const std::string& run_directory);

/// Checks manifest.json and the size and hash of every file it names.
/// throws InputError when there is no such directory, CheckpointError naming what is wrong
void verify(const std::string& directory);

/// The same for who takes the model alone: without the optimizer's file, which may be missing. Says
/// nothing of directories that are no checkpoints of this program. throws CheckpointError
void verify_model(const std::string& directory);

/// Gives a checkpoint its name back that a process was replacing when it was killed. Only for
/// who holds the run directory: another process may be replacing it now.
void restore_replaced(const std::string& run_directory);

/// The newest checkpoint that verifies; each damaged one that was passed over is added to
/// `skipped` as one line.
std::optional<Found> newest_good(const std::string& run_directory, std::vector<std::string>& skipped);

/// The optimizer's tensors of a checkpoint. throws InputError, CheckpointError
std::vector<NamedTensor> read_optimizer(const std::string& directory);

/// Makes a checkpoint's model files the run directory's own, each by a temporary name and a
/// rename, model.safetensors last. throws StorageError
void publish_model(const std::string& checkpoint_directory, const std::string& run_directory);

}  // namespace bertft::checkpoint
