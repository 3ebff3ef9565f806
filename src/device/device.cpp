#include "bertft/device/device.h"

#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <ATen/Version.h>
#include <ATen/cuda/CUDAContextLight.h>
#include <c10/cuda/CUDACachingAllocator.h>
#include <c10/cuda/CUDAFunctions.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/resource.h>
#include <torch/version.h>

#include <algorithm>
#include <array>

#include "bertft/util/error.h"

namespace bertft::device {
namespace {

constexpr int kOldest = 75;  // compute capability, ten times: Turing, the first that CUDA 13 builds for
constexpr int kAmpere = 80;

bool gpu_available() {
  return c10::cuda::device_count() > 0;
}

Device select_cpu(const DeviceOptions& options) {
  Device device;
  device.bf16 = options.bf16.value_or(false);
  device.description = fmt::format("CPU, {} thread{}, {}", at::get_num_threads(), at::get_num_threads() == 1 ? "" : "s",
                                   device.bf16 ? "bf16" : "fp32");
  return device;
}

std::array<unsigned char, 16> uuid_of(const cudaDeviceProp& properties) {
  std::array<unsigned char, 16> bytes{};
  std::copy(std::begin(properties.uuid.bytes), std::end(properties.uuid.bytes), bytes.begin());
  return bytes;
}

Device select_gpu(const DeviceOptions& options) {
  Device device;
  device.torch_device = c10::Device(c10::kCUDA, 0);
  at::globalContext().lazyInitDevice(c10::kCUDA);  // the allocator takes no limit before
  const auto* properties = at::cuda::getDeviceProperties(0);
  const int capability = 10 * properties->major + properties->minor;
  if (capability < kOldest) {
    throw DeviceError(fmt::format("{} is sm_{}; this program needs Turing (sm_{}) or newer. Set device: cpu.",
                                  properties->name, capability, kOldest));
  }
  device.bf16 = options.bf16.value_or(capability >= kAmpere);
  if (device.bf16 && capability < kAmpere) {
    throw DeviceError(fmt::format("bf16 needs a GPU from Ampere on (sm_{}); {} is sm_{}. Set bf16: false.", kAmpere,
                                  properties->name, capability));
  }
  at::globalContext().setAllowTF32CuBLAS(options.tf32);
  if (options.full_determinism) {
    at::globalContext().setDeterministicAlgorithms(true, /*warn_only=*/false);
    at::globalContext().setDeterministicFillUninitializedMemory(false);  // all of it is written before it is read
  }
  device.identity = fmt::format("{} {:02x}", properties->name, fmt::join(uuid_of(*properties), ""));
  const double gib = static_cast<double>(properties->totalGlobalMem) / (1 << 30);
  device.description = fmt::format("GPU 0 {}, {:.1f} GiB, {}", properties->name, gib,
                                   device.bf16 ? "bf16" : (options.tf32 ? "fp32 with TF32" : "fp32"));
  return device;
}

}  // namespace

Device select_device(const DeviceOptions& options) {
  switch (options.device) {
    case DeviceChoice::kCpu:
      return select_cpu(options);
    case DeviceChoice::kCuda:
      if (!gpu_available()) {
        throw DeviceError(
            "device is cuda, but no GPU can be used (none there, or its driver is older than CUDA 13.0 needs).\n"
            "Set device: cpu, or device: auto to take a GPU only where there is one.");
      }
      return select_gpu(options);
    case DeviceChoice::kAuto:
      break;
  }
  return gpu_available() ? select_gpu(options) : select_cpu(options);
}

void synchronize(const Device& device) {
  if (device.is_cuda()) c10::cuda::device_synchronize();
}

std::uint64_t peak_memory_bytes(const Device& device) {
  if (device.is_cuda()) {
    const auto stats = c10::cuda::CUDACachingAllocator::getDeviceStats(device.torch_device.index());
    return static_cast<std::uint64_t>(stats.reserved_bytes[0].peak);
  }
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<std::uint64_t>(usage.ru_maxrss) * 1024;  // Linux counts KiB
}

std::string library_versions() {
  const auto& context = at::globalContext();
  return fmt::format("LibTorch {}\nCUDA runtime {}, cuDNN {}\n{}", TORCH_VERSION,
                     context.versionRuntimeCuDNN() > 0 ? context.versionCUDART() : 0, context.versionRuntimeCuDNN(),
                     at::show_config());
}

}  // namespace bertft::device
