#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "bertft/config/config.h"
#include "bertft/data/dataset.h"
#include "bertft/data/features.h"
#include "bertft/run/model_files.h"
#include "bertft/train/plan.h"
#include "bertft/weights/model_directory.h"
#include "bertft/weights/trained_rows.h"

namespace bertft::run {

/// All inputs of a run, read and checked; nothing has been written yet.
struct Inputs {
  config::Resolved resolved;
  ModelFiles files;
  data::Dataset train_set;
  data::Features train_features;
  std::optional<data::Dataset> validation_set;
  std::optional<data::Features> validation_features;
  bool with_negative = false;  // one of the sets goes by the rules of SQuAD 2.0
  train::Plan plan;
  weights::TrainedRows rows;                             // of the words' table; the features' ids are their numbers
  std::shared_ptr<const weights::ModelWeights> weights;  // null when resuming, which may never need them

  const config::Options& options() const { return resolved.options; }
};

/// The rows of the words' table by which a run of these texts trains the model `whole`: all, where decay would change
/// the others, too.
weights::TrainedRows rows_to_train(const weights::EncoderConfig& whole, const optim::OptimOptions& options,
                                   const std::vector<const data::Tokens*>& texts);

/// Reads and checks what the options name. throws what its parts throw
Inputs read_inputs(config::Resolved resolved);

/// The model's weights, read now if they have not been. throws as weights::read_weights
std::shared_ptr<const weights::ModelWeights> model_weights(const Inputs& in);

/// Warns of answers that contradict is_impossible, and of none at all: a file whose answers are kept secret, or whose
/// member `answers` is misspelt, looks like one of questions that have none.
void warn_of_doubtful_answers(const data::Dataset& dataset);

/// Whether SQuAD 2.0 rules apply: as the option says, else as the data shows.
bool with_negative(const data::DataOptions& options, const data::Dataset& dataset);

}  // namespace bertft::run
