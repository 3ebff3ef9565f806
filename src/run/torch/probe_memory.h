#pragma once

#include <cstdint>
#include <optional>

#include "bertft/weights/model_directory.h"
#include "run/torch/job.h"

namespace bertft::run {

/// `--probe-memory`: tries sizes on the device, prints what became of them on stdout, and writes
/// probe.json into output_dir. Takes savers where memory_savers allows.
/// throws OutOfMemoryError when not even one feature fits
void probe_memory(Job& job, const weights::ModelWeights& weights);

/// The same as the process of a training that holds output_dir: told of in the log, and that nothing fits
/// is no error.
void probe_for_parent(const Job& job, const weights::ModelWeights& weights);

/// `probe_memory: auto`: the token budget of a micro-batch for this run, from a probe.json that
/// still holds or a new probe; none when the whole effective batch fits. Takes savers where
/// memory_savers allows.
/// throws OutOfMemoryError when not even one feature fits
std::optional<std::int64_t> find_token_budget(Job& job, const weights::ModelWeights& weights);

}  // namespace bertft::run
