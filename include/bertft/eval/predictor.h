#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "bertft/device/device.h"
#include "bertft/eval/answers.h"
#include "bertft/model/device_batch.h"
#include "bertft/model/qa_model.h"

namespace bertft::eval {

struct Hooks {
  std::function<void(std::int64_t done, std::int64_t total)> progress = [](std::int64_t, std::int64_t) {};
  std::function<bool()> stop = [] { return false; };  // asked between batches
  // Asked at a shortage whether something can give memory back; true: the batch is done again as it was.
  std::function<bool()> reclaim = [] { return false; };
  // Told, in a line for the user, of a batch that is done again in halves, and the limit from then on.
  std::function<void(const std::string& line, const std::optional<std::int64_t>& tokens_limit)> shrunk =
      [](const std::string&, const std::optional<std::int64_t>&) {};
  std::optional<std::int64_t> batch_tokens = {};  // at most so many at once
};

/// What one batch gives.
struct ScoredBatch {
  at::Tensor start, end;  // logits [T] on the host
  at::Tensor losses;      // [n] on the host, float32
};
/// Moves the batch to the device and scores it, without gradients. Takes what `staged` holds: a batch that is to be
/// done again is staged again. throws what LibTorch throws where memory does not suffice
ScoredBatch score_batch(model::QaModel& model, const device::Device& device, model::StagedBatch& staged);

/// Runs the model over all windows and decodes each question as soon as its last window is
/// scored, on a second thread while the next batch runs; logits of at most one batch are on the
/// device. nullopt when `stop` said so. A batch that runs out of memory is done again in halves.
/// throws memory::EvaluationOutOfMemoryError when a single feature does not fit, tried several times; DivergedError as
/// decode_question()
std::optional<Answers> predict(model::QaModel& model, const device::Device& device, const Task& task,
                               const Hooks& hooks = {});

}  // namespace bertft::eval
