#pragma once

#include <cstdint>
#include <exception>
#include <functional>
#include <optional>
#include <string>

#include "bertft/checkpoint/store.h"
#include "bertft/optim/adamw.h"
#include "bertft/train/run_state.h"
#include "bertft/train/trainer.h"

namespace bertft::train {

/// Writes the checkpoints of a run. `setup`, `state` and `optimizer`, of which they are made, must outlive it. Of the
/// state it changes only which model is the best, once a step is over that was and could not be saved.
class Saving {
 public:
  Saving(const Setup& setup, RunState& state, const optim::AdamW& optimizer);

  /// What is saved from now on: `state` is that of the checkpoint which training goes on from.
  void begin_at_checkpoint();

  /// Saves the step that `state` is at, unless that is done; training may go on while it is written. A save that fails
  /// is told of: the next one is tried. The last step is left to save_last().
  /// throws DivergedError (weights are not finite)
  void try_to_save();

  /// The same where memory has run out, and waits: the failed step has changed nothing, what came before it is kept.
  void save_after_shortage();

  /// Tells of a save that has failed since it was last asked for.
  void notice_end();

  /// Waits for a checkpoint that is being written, whose copies take memory; false when there is none.
  bool finish_writing();

  /// Saves where training has been stopped, and waits. throws DivergedError, StorageError
  void save_and_wait();

  /// Saves where training is over, and waits. Where that checkpoint finds no room on the disk its model alone, a third
  /// of it, may; there is no evaluation beside it. throws as save_and_wait(), also when the model alone was saved
  void save_last();

  /// The step whose checkpoint becomes the run's model: the best one's under load_best_model_at_end where it is whole,
  /// which is read to find out, else, with a notice, the last.
  std::int64_t final_step() const;

  /// Makes the checkpoint of that step the run's model. Its trainer_state.json has the history of the whole run, as
  /// Trainer's save_state() after load_best_model_at_end, closed by `results` where the run is done, and the model's
  /// own threshold.
  void publish(std::int64_t step, const std::optional<Json>& results = {}) const;

 private:
  struct Best {
    std::optional<std::int64_t> step;
    std::optional<double> metric;
  };

  void save(bool training_goes_on);
  checkpoint::Snapshot snapshot() const;
  checkpoint::Retention retention() const;
  void note_success();
  void take_best_that_is_there();
  std::string trainer_state_json(const RunState& state) const;
  void refuse_weights_that_are_not_finite() const;
  void tell_if_it_fails(const std::function<void()>& end_of_writing);
  void tell_of_failure(std::int64_t step, const std::exception& error, bool ends_run = false);

  const Setup& s_;
  RunState& state_;
  const optim::AdamW& optimizer_;
  checkpoint::Store store_;
  std::optional<RunState> saved_;       // what the newest checkpoint of this process holds
  std::optional<std::int64_t> failed_;  // the step that was not saved when last tried
  Best best_;                           // of those that were saved
};

}  // namespace bertft::train
