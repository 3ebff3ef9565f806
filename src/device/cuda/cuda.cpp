#include "bertft/device/cuda.h"

#include <ATen/cuda/CUDAContextLight.h>
#include <c10/cuda/CUDAFunctions.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <iterator>

namespace bertft::device::cuda {
namespace {

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

}  // namespace bertft::device::cuda
