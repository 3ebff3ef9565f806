#pragma once

#include <c10/core/Device.h>

#include <string>

#include "bertft/device/options.h"

namespace bertft::device {

/// The device of a run and how precisely it computes.
struct Device {
  c10::Device torch_device = c10::Device(c10::kCPU);
  Precision precision = Precision::kFp32;
  bool is_before_ampere = false;  // a GPU without bf16 and flash attention
  std::string description;        // "CPU, 2 threads, fp32" or "GPU 0 NVIDIA H100, 79.1 GiB, bf16"
  std::string identity = "cpu";   // the same device has the same: on a GPU its name and UUID

  bool is_cuda() const { return torch_device.is_cuda(); }
};

/// Whether the options choose a GPU; opens none, which would take of its memory.
/// throws DeviceError when they ask for one and none can be used
bool chooses_gpu(const DeviceOptions& options);

/// Chooses the device and sets LibTorch's process-wide switches (TF32, determinism).
/// throws DeviceError when a GPU was asked for and none can be used
Device select_device(const DeviceOptions& options);

/// On a GPU: the allocator takes segments of a fixed size from now on; those that have grown are used further.
/// The user's own settings of the allocator stand.
void stop_growing_segments();

/// Waits until the device has finished everything it was given.
void synchronize(const Device& device);

/// LibTorch, CUDA, cuDNN and BLAS versions, one a line, for --build-info.
std::string library_versions();

}  // namespace bertft::device
