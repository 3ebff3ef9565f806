#include "bertft/memory/budget.h"

#include <ATen/Parallel.h>
#include <sys/resource.h>

#include <algorithm>

#include "bertft/memory/machine.h"
#include "memory/torch/cpu_allocator.h"
#include "memory/torch/cuda.h"

namespace bertft::memory {

Capacity capacity_of(const device::Device& device) {
  return device.is_cuda() ? cuda::capacity() : machine_capacity();
}

void apply(const Budget& budget, const device::Device& device) {
  if (!device.is_cuda()) {
    CpuAllocator::instance().set_limit(budget.limit);
    return;
  }
  const auto total = static_cast<double>(capacity_of(device).total);
  cuda::limit(std::min(1.0, static_cast<double>(budget.limit) / total));
}

Budget limit_memory(const MemoryOptions& options, const device::Device& device) {
  const Budget budget = make_budget(options, capacity_of(device));
  apply(budget, device);
  return budget;
}

Use use_of(const device::Device& device) {
  if (device.is_cuda()) return cuda::use();
  return {CpuAllocator::instance().in_use(), CpuAllocator::instance().peak(), 0};
}

StepShape step_shape(const weights::EncoderConfig& config, const model::ModelOptions& options,
                     const device::Device& device, std::int64_t length,
                     const std::optional<std::int64_t>& effective_batch) {
  return {.encoder = config,
          .length = length,
          .effective_batch = effective_batch,
          .precision = device.precision,
          .gradient_checkpointing = options.gradient_checkpointing.value_or(false),
          .is_cuda = device.is_cuda(),
          .is_before_ampere = device.is_before_ampere,
          .gpu_threads = device.is_cuda() ? cuda::gpu_threads() : 0,
          .cublas_workspace_bytes = device.is_cuda() ? cuda::cublas_workspace_bytes() : 0,
          .num_threads = at::get_num_threads(),
          .has_amx = machine_has_amx()};
}

void reset_peak(const device::Device& device) {
  if (device.is_cuda()) {
    cuda::reset_peak();
  } else {
    CpuAllocator::instance().reset_peak();
  }
}

std::uint64_t peak_memory_bytes(const device::Device& device) {
  if (device.is_cuda()) return cuda::use().peak;
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<std::uint64_t>(usage.ru_maxrss) * 1024;  // Linux counts KiB
}

void release_cached(const device::Device& device) {
  if (device.is_cuda()) {
    cuda::release_cached();
  } else {
    CpuAllocator::release_cached_if_installed();
  }
}

}  // namespace bertft::memory
