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

struct Capacity {
  std::uint64_t total = 0, free = 0;  // bytes; of other processes too
};

struct Use {
  std::uint64_t allocated = 0, peak_reserved = 0;  // bytes of the caching allocator
  std::uint64_t num_retries = 0;                   // of allocations, after everything cached had been freed
};

/// Of GPUs that the driver shows; 0 too where it is older than CUDA needs.
[[gnu::weak]] int device_count();

[[gnu::weak]] Gpu properties();

/// Waits until everything given to the GPU is done.
[[gnu::weak]] void synchronize();

[[gnu::weak]] Capacity capacity();

/// Takes no more than this share of the whole memory from now on.
[[gnu::weak]] void limit_memory(double fraction);

[[gnu::weak]] Use use();
[[gnu::weak]] void reset_peak();

/// Gives back what is cached, cuBLAS's workspaces too: tens of MiB a thread, which come back with the
/// next product.
[[gnu::weak]] void release_cached();

}  // namespace bertft::device::cuda
