#include "bertft/device/cuda.h"

#include <ATen/Context.h>
#include <ATen/cuda/CUDAContextLight.h>
#include <c10/cuda/CUDACachingAllocator.h>
#include <c10/cuda/CUDAFunctions.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>

namespace bertft::device::cuda {
namespace {

namespace allocator = c10::cuda::CUDACachingAllocator;

constexpr c10::DeviceIndex kGpu = 0;

std::array<unsigned char, 16> uuid_of(const cudaDeviceProp& properties) {
  std::array<unsigned char, 16> bytes{};
  std::copy(std::begin(properties.uuid.bytes), std::end(properties.uuid.bytes), bytes.begin());
  return bytes;
}

}  // namespace

int device_count() {
  return c10::cuda::device_count();
}

Gpu properties() {
  const cudaDeviceProp* of_gpu = at::cuda::getDeviceProperties(kGpu);
  return {of_gpu->name, fmt::format("{:02x}", fmt::join(uuid_of(*of_gpu), "")), 10 * of_gpu->major + of_gpu->minor,
          of_gpu->totalGlobalMem};
}

void synchronize() {
  c10::cuda::device_synchronize();
}

Capacity capacity() {
  const auto [free, total] = allocator::get()->getMemoryInfo(kGpu);
  return {total, free};
}

void limit_memory(double fraction) {
  allocator::setMemoryFraction(fraction, kGpu);
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

void release_cached() {
  at::cuda::clearCublasWorkspaces();
  allocator::emptyCache();
}

}  // namespace bertft::device::cuda
