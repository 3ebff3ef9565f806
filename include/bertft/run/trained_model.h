#pragma once

#include <optional>
#include <string>

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

}  // namespace bertft::run
