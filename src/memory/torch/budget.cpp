#include "bertft/memory/budget.h"

#include <ATen/Parallel.h>
#include <ATen/cuda/CUDAContextLight.h>
#include <c10/cuda/CUDACachingAllocator.h>

#include <algorithm>

#include "memory/machine.h"
#include "memory/torch/cpu_allocator.h"

namespace bertft::memory {
namespace {

namespace cuda = c10::cuda::CUDACachingAllocator;

}  // namespace

Capacity capacity_of(const device::Device& device) {
  if (!device.is_cuda()) return machine_capacity();
  const auto [free, total] = cuda::get()->getMemoryInfo(device.torch_device.index());
  return {total, free};
}

void apply(const Budget& budget, const device::Device& device) {
  if (!device.is_cuda()) {
    CpuAllocator::instance().set_limit(budget.limit);
    return;
  }
  const auto total = static_cast<double>(capacity_of(device).total);
  cuda::setMemoryFraction(std::min(1.0, static_cast<double>(budget.limit) / total), device.torch_device.index());
}

Budget limit_memory(const MemoryOptions& options, const device::Device& device) {
  const Budget budget = make_budget(options, capacity_of(device));
  apply(budget, device);
  return budget;
}

Use use_of(const device::Device& device) {
  if (!device.is_cuda()) return {CpuAllocator::instance().in_use(), CpuAllocator::instance().peak(), 0};
  const auto stats = cuda::getDeviceStats(device.torch_device.index());
  return {static_cast<std::uint64_t>(stats.allocated_bytes[0].current),
          static_cast<std::uint64_t>(stats.reserved_bytes[0].peak),
          static_cast<std::uint64_t>(stats.num_alloc_retries)};
}

StepShape step_shape(const weights::EncoderConfig& config, const model::ModelOptions& options,
                     const device::Device& device, std::int64_t length) {
  return {.encoder = config,
          .length = length,
          .bf16 = device.bf16,
          .gradient_checkpointing = options.gradient_checkpointing.value_or(false),
          .is_cuda = device.is_cuda(),
          .num_threads = at::get_num_threads()};
}

void reset_peak(const device::Device& device) {
  if (device.is_cuda()) {
    cuda::resetPeakStats(device.torch_device.index());
  } else {
    CpuAllocator::instance().reset_peak();
  }
}

void release_cached(const device::Device& device) {
  if (device.is_cuda()) {
    at::cuda::clearCublasWorkspaces();  // tens of MiB a thread, which come back with the next product
    cuda::emptyCache();
  } else {
    CpuAllocator::instance().release_cached();
  }
}

}  // namespace bertft::memory
