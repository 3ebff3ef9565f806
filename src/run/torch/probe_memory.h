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

/// Whether `probe_memory: auto` asks for a process of its own. throws DeviceError as device::chooses_gpu
bool probes_in_child(const config::Options& options);

/// Has it probe, for a run that holds output_dir and has not opened its device: that would take of the memory which
/// the run will have, and some GPUs let one process in alone. throws as Invocation::probe
train::Probed probe_in_child(const Inputs& in, const Invocation& invocation);

/// What that process does: as find_token_budget(), but that nothing fits is its parent's to tell.
void probe_for_parent(Job& job, const weights::ModelWeights& weights);

/// `probe_memory: auto`: the token budget of a micro-batch for this run, as a process of its own has found it, from a
/// probe.json that still holds, or by a new probe; none when the whole effective batch fits. Takes savers where
/// memory_savers allows.
/// throws OutOfMemoryError when not even one feature fits
std::optional<std::int64_t> find_token_budget(Job& job, const weights::ModelWeights& weights);

}  // namespace bertft::run
