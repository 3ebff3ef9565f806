#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "bertft/data/dataset.h"
#include "bertft/data/features.h"
#include "bertft/device/device.h"
#include "bertft/device/named_tensor.h"
#include "bertft/eval/task.h"
#include "bertft/model/qa_model.h"
#include "bertft/optim/options.h"
#include "bertft/report/events.h"
#include "bertft/train/options.h"
#include "bertft/train/plan.h"
#include "bertft/train/run_state.h"

namespace bertft::train {

/// Everything a run is made of.
struct Setup {
  const TrainOptions& options;
  const optim::OptimOptions& optim;
  const Plan& plan;
  const data::Dataset& dataset;
  const data::Features& features;  // of it
  const eval::Task* validation;    // null: no evaluation
  const device::Device& device;
  model::QaModel& model;
  std::string run_directory;                       // exists and is ours
  std::string resumed_from;                        // the checkpoint that the state is of; empty: none
  std::map<std::string, std::string> model_files;  // small files of each checkpoint: config.json, tokenizer, ...
  std::vector<report::Observer*> observers;

  template <class Event>
  void emit(const Event& event) const {
    for (report::Observer* observer : observers) observer->on(event);
  }
};

/// The loop: fetch, step, observe; log, evaluate and save when due. Trains to the end, or until early
/// stopping or a signal that a SignalGuard has received. Leaves the final model and its evaluation in the run directory
/// unless interrupted. A state that is_over() already is brought to that end: its process was killed before.
///
/// state    RunState{} with its identity, or that of a checkpoint whose weights `model` already holds
/// moments  the optimizer's, which belong to it; empty: none
/// returns  the signal that interrupted it, if one did
/// throws   DivergedError, StorageError (the last save failed; the model may be there alone, without has_results()),
///          OutOfMemoryError (not even one feature fits; the steps before it are saved), what reading back the
///          best checkpoint throws (InputError, WeightsError, CheckpointError)
std::optional<int> train_model(const Setup& setup, RunState state, std::vector<device::NamedTensor> moments);

}  // namespace bertft::train
