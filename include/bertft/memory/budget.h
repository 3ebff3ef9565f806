#pragma once

#include <cstdint>

#include "bertft/device/device.h"
#include "bertft/memory/limits.h"
#include "bertft/memory/planner.h"
#include "bertft/model/options.h"

namespace bertft::memory {

/// What the device has now.
Capacity capacity_of(const device::Device& device);

/// Makes the device's allocator keep the limit from now on. On the CPU it must be called
/// before the first tensor is made, on CUDA before the first large one.
void apply(const Budget& budget, const device::Device& device);

/// make_budget() of what the device has, applied to it. throws ConfigError
Budget limit_memory(const MemoryOptions& options, const device::Device& device);

/// Bytes of tensors in use now, and the most since reset_peak(): on a GPU the most that its allocator
/// had reserved, and how often it had to give back its cache before an allocation succeeded.
struct Use {
  std::uint64_t now = 0, peak = 0;
  std::uint64_t num_retries = 0;
};
Use use_of(const device::Device& device);
void reset_peak(const device::Device& device);

/// Most memory in use at once, for people: on a GPU the peak of use_of(), on the CPU the process's peak
/// resident set.
std::uint64_t peak_memory_bytes(const device::Device& device);

/// A step of a model on a device, at `length` tokens a feature, as the planner takes it.
StepShape step_shape(const weights::EncoderConfig& config, const model::ModelOptions& options,
                     const device::Device& device, std::int64_t length,
                     const std::optional<std::int64_t>& effective_batch = std::nullopt);

/// Gives memory that allocators only keep for later back to the device.
void release_cached(const device::Device& device);

}  // namespace bertft::memory
