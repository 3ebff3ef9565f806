#pragma once

#include <optional>
#include <string>

#include "bertft/data/dataset.h"
#include "bertft/data/features.h"
#include "bertft/eval/task.h"
#include "bertft/run/model_files.h"

namespace bertft::run {

/// A model that can answer, as `eval` and `predict` use it.
struct TrainedModel {
  config::Resolved resolved;
  std::optional<bool> with_negative;  // as the user says, else as the model was trained
  ModelFiles files;
  weights::ModelWeights weights;
};

/// Opening the part of the program that uses LibTorch begins meanwhile.
/// `given`: a run directory, a checkpoint or a Hugging Face QA model.
/// throws what its parts throw; WeightsError when the model has no question-answering head
TrainedModel load_trained_model(config::Sources sources, const std::string& given);

/// What a model is to answer. Under `null_score_diff_threshold: auto` the threshold is the one stored with it.
/// throws ConfigError when none is
eval::Task make_task(const TrainedModel& trained, const data::Dataset& dataset, const data::Features& features,
                     bool with_negative);

}  // namespace bertft::run
