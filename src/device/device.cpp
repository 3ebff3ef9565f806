#include "bertft/device/device.h"

#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <ATen/Version.h>
#include <ATen/ops/empty.h>
#include <c10/core/AllocatorConfig.h>
#include <fmt/format.h>
#include <torch/version.h>

#include <cstdlib>

#include "bertft/device/cuda.h"
#include "bertft/util/error.h"
#include "bertft/util/log.h"
#include "bertft/util/text.h"

namespace bertft::device {
namespace {

constexpr int kOldest = 75;  // compute capability, ten times: Turing, the first that CUDA 13 builds for
constexpr int kAmpere = 80;
// Until the driver has shown that it cannot: of the process, as the allocator's setting is.
bool segments_may_grow = true;

constexpr std::int64_t kOfSmallPool = 1, kOfLargePool = 4'000'000;  // numbers whose memory the allocator maps so

bool has_cuda() {
  return cuda::device_count != nullptr;
}

Device select_cpu(const DeviceOptions& options) {
  Device device;
  device.precision = precision_of(options, /*bf16_by_default=*/false);
  device.description = fmt::format("CPU, {}, {}", counted(at::get_num_threads(), "thread"), name_of(device.precision));
  return device;
}

bool user_sets_allocator() {
  return std::getenv("PYTORCH_CUDA_ALLOC_CONF") != nullptr || std::getenv("PYTORCH_ALLOC_CONF") != nullptr;
}

// Packed batches have another number of tokens each; segments of a fixed size would be left with holes that
// no later tensor fits. The user's own settings stand. Makes the first allocations.
void let_segments_grow(const c10::Device& gpu) {
  if (user_sets_allocator() || !segments_may_grow) return;
  c10::CachingAllocator::setAllocatorSettings("expandable_segments:True");
  try {
    for (const std::int64_t size : {kOfSmallPool, kOfLargePool}) at::empty({size}, gpu);
  } catch (const c10::OutOfMemoryError&) {  // full just now, which says nothing of segments
  } catch (const c10::Error&) {             // WSL and some virtual GPUs lack what that needs (pytorch#192330)
    stop_growing_segments();
  }
}

Device select_gpu(const DeviceOptions& options) {
  Device device;
  device.torch_device = c10::Device(c10::kCUDA, 0);
  at::globalContext().lazyInitDevice(c10::kCUDA);  // the allocator takes no limit before
  let_segments_grow(device.torch_device);
  const cuda::Gpu gpu = cuda::properties();
  if (gpu.capability < kOldest) {
    throw DeviceError(fmt::format("{} is sm_{}; this program needs Turing (sm_{}) or newer. Set device: cpu.", gpu.name,
                                  gpu.capability, kOldest));
  }
  device.is_before_ampere = gpu.capability < kAmpere;
  device.precision = precision_of(options, /*bf16_by_default=*/!device.is_before_ampere);
  if (device.precision == Precision::kBf16 && device.is_before_ampere) {
    throw DeviceError(
        fmt::format("bf16 needs a GPU from Ampere on (sm_{}); {} is sm_{}.\nSet fp16: true instead, or bf16: false.",
                    kAmpere, gpu.name, gpu.capability));
  }
  const bool tf32 = options.tf32 && !device.is_before_ampere;
  if (options.tf32 && !tf32) log::warn(fmt::format("tf32: true does nothing on {}, which has no TF32", gpu.name));
  at::globalContext().setAllowTF32CuBLAS(tf32);
  if (options.full_determinism) {
    at::globalContext().setDeterministicAlgorithms(true, /*warn_only=*/false);
    at::globalContext().setDeterministicFillUninitializedMemory(false);  // all of it is written before it is read
  }
  device.identity = fmt::format("{} {}", gpu.name, gpu.uuid);
  const double gib = static_cast<double>(gpu.memory_bytes) / (1 << 30);
  const bool says_tf32 = tf32 && device.precision == Precision::kFp32;
  device.description = fmt::format("GPU 0 {}, {:.1f} GiB, {}{}", gpu.name, gib, name_of(device.precision),
                                   says_tf32 ? " with TF32" : "");
  return device;
}

}  // namespace

bool chooses_gpu(const DeviceOptions& options) {
  if (options.device == DeviceChoice::kCpu) return false;
  const bool is_there = has_cuda() && cuda::device_count() > 0;
  if (!is_there && options.device == DeviceChoice::kCuda) {
    throw DeviceError(
        "device is cuda, but no GPU can be used (none there, or its driver is older than CUDA 13.0 needs).\n"
        "Set device: cpu, or device: auto to take a GPU only where there is one.");
  }
  return is_there;
}

Device select_device(const DeviceOptions& options) {
  return chooses_gpu(options) ? select_gpu(options) : select_cpu(options);
}

void stop_growing_segments() {
  if (user_sets_allocator()) return;
  segments_may_grow = false;
  c10::CachingAllocator::setAllocatorSettings("expandable_segments:False");
}

void synchronize(const Device& device) {
  if (device.is_cuda()) cuda::synchronize();
}

std::string library_versions() {
  const std::string of_cuda = has_cuda() ? fmt::format("CUDA runtime {}, cuDNN {}", at::Context::versionCUDART(),
                                                       at::Context::versionRuntimeCuDNN())
                                         : "without CUDA";
  return fmt::format("LibTorch {}\n{}\n{}", TORCH_VERSION, of_cuda, at::show_config());
}

}  // namespace bertft::device
