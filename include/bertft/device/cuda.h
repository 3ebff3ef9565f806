#pragma once

#include <cstdint>
#include <string>

/// What LibTorch does for GPU 0 through libtorch_cuda.so alone. A program that these are not linked into
/// loads none of CUDA's libraries and has no GPU: the functions, weak, are then null (src/CMakeLists.txt).
namespace bertft::device::cuda {

struct Gpu {
  std::string name;
  std::string uuid;    // hexadecimal
  int capability = 0;  // ten times: 90 is sm_90
  std::uint64_t memory_bytes = 0;
};

/// Of GPUs that the driver shows; 0 too where it is older than CUDA needs.
[[gnu::weak]] int device_count();

[[gnu::weak]] Gpu properties();

/// Waits until everything given to the GPU is done.
[[gnu::weak]] void synchronize();

}  // namespace bertft::device::cuda
