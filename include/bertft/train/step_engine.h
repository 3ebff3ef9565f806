#pragma once

#include <cstdint>
#include <span>

#include "bertft/data/batch.h"
#include "bertft/data/features.h"
#include "bertft/device/device.h"
#include "bertft/model/qa_model.h"
#include "bertft/optim/adamw.h"

namespace bertft::train {

struct StepResult {
  double loss = 0;        // mean over the effective batch
  double grad_norm = 0;   // before clipping
  std::int64_t num_features = 0, num_tokens = 0;
  bool applied = true;    // false: loss or gradients were not finite, nothing was changed
};

/// Runs one optimizer step over an effective batch, whatever part of it fits on the device
/// at a time: the only code that loops over micro-batches. Gradients of micro-batches add up
/// to those of the whole batch exactly: each contributes its sum divided by the whole count.
class StepEngine {
 public:
  /// The references must outlive the engine. `seed` keys the dropout masks.
  StepEngine(model::QaModel& model, optim::AdamW& optimizer, const device::Device& device,
             const data::Features& features, const data::MicroBatchLimit& limit, std::uint64_t seed);

  /// `windows` is the effective batch of step `step`, counted from 0.
  StepResult run(std::span<const std::uint32_t> windows, std::int64_t step, double learning_rate);

 private:
  model::QaModel& model_;
  optim::AdamW& optimizer_;
  const device::Device& device_;
  const data::Features& features_;
  data::MicroBatchLimit limit_;
  std::uint64_t seed_;
};

}  // namespace bertft::train
