#pragma once

#include <cstdint>
#include <optional>

#include "bertft/weights/model_directory.h"
#include "run/torch/job.h"

namespace bertft::run {

/// `--probe-memory`: tries sizes on the device, prints what became of them on stdout, and writes
/// probe.json into output_dir. `for_parent`: as the probe of a training in a process of its own,
/// for which it is no error that nothing fits.
/// throws OutOfMemoryError when not even one feature fits
void probe_memory(Job& job, const weights::ModelWeights& weights, bool for_parent);

/// `probe_memory: auto`: the token budget of a micro-batch for this run, from a probe.json that
/// still holds or a new probe; none when the whole effective batch fits. Takes savers where
/// memory_savers allows.
/// throws OutOfMemoryError when not even one feature fits
std::optional<std::int64_t> find_token_budget(Job& job, const weights::ModelWeights& weights);

}  // namespace bertft::run
