#pragma once

#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "bertft/data/batch.h"
#include "bertft/data/features.h"
#include "bertft/model/device_batch.h"
#include "bertft/train/plan.h"
#include "bertft/util/prefetcher.h"

namespace bertft::train {

/// What a step reads: its effective batch, cut to a limit and packed.
struct StepBatches {
  std::vector<std::uint32_t> windows;  // of the effective batch, indices into Features::windows
  data::MicroBatchLimit limit;
  std::vector<model::StagedBatch> micro_batches;  // none: not cut yet
};

StepBatches make_batches(const data::Features& features, std::span<const std::uint32_t> windows,
                         const data::MicroBatchLimit& limit, c10::Device device);

/// Makes the batches of a run's steps one after the other, the next step's on a thread of its own
/// while a step runs.
class BatchesAhead {
 public:
  /// `features` must outlive it; `data_seed` keys the order.
  BatchesAhead(const data::Features& features, const Plan& plan, std::uint64_t data_seed, c10::Device device);

  /// Those of step `step`, counted from 0. The next step's will be cut to the same limit; asked for
  /// with another they are made anew. Not cut when there was no memory for that.
  StepBatches take(std::int64_t step, const data::MicroBatchLimit& limit);

 private:
  using Wanted = std::pair<std::int64_t, data::MicroBatchLimit>;  // a step's, cut to a limit
  StepBatches make(const Wanted& wanted);

  const data::Features& features_;
  std::int64_t num_steps_;
  DataOrder order_;
  c10::Device device_;
  Prefetcher<Wanted, StepBatches> ahead_{[this](const Wanted& wanted) { return make(wanted); }};
};

}  // namespace bertft::train
