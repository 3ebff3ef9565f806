#include "memory/torch/cuda.h"

#include <ATen/cuda/CUDAContextLight.h>
#include <c10/cuda/CUDACachingAllocator.h>

namespace bertft::memory::cuda {
namespace {

namespace allocator = c10::cuda::CUDACachingAllocator;

constexpr c10::DeviceIndex kGpu = 0;

}  // namespace

Capacity capacity() {
  const auto [free, total] = allocator::get()->getMemoryInfo(kGpu);
  return {total, free};
}

void limit(double share) {
  allocator::setMemoryFraction(share, kGpu);
}

Use use() {
  const auto stats = allocator::getDeviceStats(kGpu);
  return {static_cast<std::uint64_t>(stats.allocated_bytes[0].current),
          static_cast<std::uint64_t>(stats.reserved_bytes[0].peak),
          static_cast<std::uint64_t>(stats.num_alloc_retries)};
}

void reset_peak() {
  allocator::resetPeakStats(kGpu);
}

std::int64_t gpu_threads() {
  const cudaDeviceProp* gpu = at::cuda::getDeviceProperties(kGpu);
  return std::int64_t{gpu->multiProcessorCount} * gpu->maxThreadsPerMultiProcessor;
}

std::uint64_t cublas_workspace_bytes() {
  return at::cuda::getChosenWorkspaceSize();
}

void release_cached() {
  at::cuda::clearCublasWorkspaces();
  allocator::emptyCache();
}

}  // namespace bertft::memory::cuda
