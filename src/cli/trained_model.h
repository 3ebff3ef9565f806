#pragma once

#include <string>

#include "bertft/device/device.h"
#include "bertft/eval/predictor.h"
#include "bertft/model/qa_model.h"
#include "cli/workspace.h"

namespace bertft::cli {

/// A model that can answer, as `eval` and `predict` use it.
struct TrainedModel {
  config::Resolved resolved;
  device::Device device;
  memory::Budget budget;
  ModelFiles files;
  model::QaModel model;
};

/// `given`: a run directory, a checkpoint or a Hugging Face QA model.
/// throws what its parts throw; WeightsError when the model has no question-answering head;
///        OutOfMemoryError whose text says what would help
TrainedModel load_trained_model(config::Sources sources, const std::string& given);

/// Answers every question, with progress on the terminal.
/// throws OutOfMemoryError whose text says what would help
eval::Answers answer(TrainedModel& trained, const eval::Task& task);

}  // namespace bertft::cli
