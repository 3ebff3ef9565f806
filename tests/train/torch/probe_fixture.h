#pragma once

#include <vector>

#include "bertft/train/probe.h"
#include "model/tiny_model.h"

namespace bertft::train {

// What a ProbeTask refers to.
struct ProbeParts {
  explicit ProbeParts(const model::TinyModel& of = model::TinyModel()) : bert(of), weights(bert.checkpoint()) {}

  // With features of 64 tokens; training and evaluation take batches of eight.
  ProbeTask task(std::uint64_t usable_bytes, std::int64_t at_most) const {
    return {.config = bert.config,
            .weights = weights,
            .model = model_options,
            .optim = optim_options,
            .device = device,
            .budget = {.limit = usable_bytes, .usable = usable_bytes, .source = "test"},
            .length = 64,
            .effective_batch = 8,
            .eval_batch = 8,
            .at_most = at_most};
  }

  model::TinyModel bert;
  weights::ModelWeights weights;
  model::ModelOptions model_options;
  optim::OptimOptions optim_options;
  device::Device device;
};

}  // namespace bertft::train
