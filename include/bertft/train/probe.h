#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "bertft/device/device.h"
#include "bertft/memory/limits.h"
#include "bertft/memory/planner.h"
#include "bertft/memory/search.h"
#include "bertft/model/options.h"
#include "bertft/optim/options.h"
#include "bertft/train/probe_file.h"
#include "bertft/util/json.h"
#include "bertft/weights/model_directory.h"

namespace bertft::train {

/// What a probe tries and where. References must outlive the call.
struct ProbeTask {
  const weights::EncoderConfig& config;
  const weights::ModelWeights& weights;
  const model::ModelOptions& model;
  const optim::OptimOptions& optim;
  const device::Device& device;
  memory::Budget budget;
  std::int64_t length = 384;         // of every feature: the longest there can be
  std::int64_t effective_batch = 8;  // features of a step
  std::int64_t eval_batch = 8;
  std::int64_t at_most = 8;  // features of a micro-batch

  ProbeScope scope() const { return {length, effective_batch, at_most, budget.usable}; }
};

/// Finds the largest micro-batch of full-length features for which a whole cycle fits: an
/// optimizer step with the moments in place, an evaluation batch, a step again. A step has a
/// second micro-batch, as far as the effective batch leaves features for one. It works on a
/// model and an optimizer of its own, which are gone when it returns; no data, file or counter
/// is touched. `tell` hears of every trial, `begin` of its size before it, which may take minutes.
memory::SearchResult probe(
    const ProbeTask& task, const std::function<void(const memory::Trial&)>& tell,
    const std::function<void(std::int64_t)>& begin = [](std::int64_t) {});

/// One of its trials, of exactly this size.
memory::Trial try_micro_batch(const ProbeTask& task, std::int64_t num_features);

/// What a result depends on; two probes with equal keys may stand for one another.
Json probe_key(const ProbeTask& task, const std::string& version, const std::optional<std::string>& memory_limit);

}  // namespace bertft::train
