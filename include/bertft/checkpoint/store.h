#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "bertft/device/named_tensor.h"

namespace bertft::checkpoint {

using device::NamedTensor;
using device::PartialTable;

/// Which older checkpoints stay when a new one is complete.
struct Retention {
  std::optional<std::int64_t> newest;  // unset keeps all
  std::optional<std::int64_t> best_step;
};

/// Everything a run needs to go on.
struct Snapshot {
  std::int64_t step = 0;
  std::vector<NamedTensor> model;            // -> model.safetensors, fp32
  std::vector<NamedTensor> optimizer;        // -> optimizer.safetensors, fp32 and int32
  std::map<std::string, std::string> files;  // name -> content of the small files
  Retention retention;
  std::optional<PartialTable> table = {};  // of which `model` holds some rows; it is written whole
};

/// Called before anything of a checkpoint is written: what it flushes to the device is there whenever the checkpoint
/// is. `in_background`: the caller goes on meanwhile.
using BeforeWriting = std::function<void(bool in_background)>;

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
  /// Waits first for an earlier save that is still being written.
  /// Where there is no memory for the copies, it writes at once and the caller waits; of tensors on a GPU, which could
  /// not be written without them, that is a StorageError.
  ///
  /// throws StorageError of that earlier save, and of this one when it is written at once
  void save(const Snapshot& snapshot, const BeforeWriting& before_writing = [](bool) {});

  /// Returns when it is written. Tensors on the host are not copied, which would take three times the weights, those of
  /// a GPU file by file. throws StorageError, also of an earlier save
  void save_and_wait(const Snapshot& snapshot, const BeforeWriting& before_writing = [](bool) {});

  /// Returns when nothing is being written any more. throws StorageError
  void wait();
  /// Returns at once. throws StorageError of a save that has failed in the meantime
  void notice_end();
  /// True from a save until wait() or notice_end() has seen its end: it may still hold copies of the tensors.
  bool is_writing() const;

  /// Makes the snapshot's model the run directory's own, as publish_model() makes a checkpoint's: it is a third of a
  /// checkpoint or more, for which there may be no room. throws StorageError
  void publish(const Snapshot& snapshot);

  /// Removes the checkpoints up to `step` that `retention` does not keep, as save() does in the end.
  /// throws StorageError of a save before it
  void prune(std::int64_t step, const Retention& retention);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// The optimizer's tensors of a checkpoint, to be read only: they show the mapped file and take no
/// memory of their own. throws InputError, WeightsError, CheckpointError
std::vector<NamedTensor> read_optimizer(const std::string& directory);

}  // namespace bertft::checkpoint
