#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>

/// A GPU that is not there, behind CUDA's runtime, driver and cuBLAS of this folder, so that all that LibTorch and the
/// program do around their kernels is done on any machine, the caching allocator's work above all. Memory is mapped,
/// and what is not there is refused. Copies between the host and the device are made when something waits for them and
/// no sooner. Kernels and copies within the device do nothing: what is computed means nothing.
///
/// Preload libcuda.so.1, which this makes. In the environment:
///   CUDA_STAND_IN_MIB         the GPU's memory, 81920 otherwise
///   CUDA_STAND_IN_CAPABILITY  90 otherwise, which is sm_90
///   CUDA_STAND_IN_FAILS       which request for memory is refused, counted from 0: "7" alone, "7-" and all after it
///   CUDA_STAND_IN_IS_WSL      set: virtual memory may be mapped and not be used, as under WSL
///   CUDA_STAND_IN_EXCLUSIVE   a file: only one process may have a context, as in NVIDIA's mode EXCLUSIVE_PROCESS
///   CUDA_STAND_IN_COUNTS      a file of zeros in which Counts are kept
namespace cuda_stand_in {

/// Of this process and its children, in this order, each 8 bytes.
struct Counts {
  std::uint64_t requests;              // for memory of the device
  std::uint64_t pinned_requests;       // for memory of the host that the device reads by itself
  std::uint64_t launches;              // kernels, without those of cuBLAS
  std::uint64_t products;              // of cuBLAS
  std::uint64_t waits;                 // of the host for the device
  std::uint64_t copies_from_pinned;    // to the device, beside what the host goes on with
  std::uint64_t copies_from_pageable;  // to the device, which the host waits for
  std::uint64_t copies_to_pageable;    // from the device, likewise
};
void count(std::uint64_t Counts::* what);

constexpr std::size_t kContextBytes = std::size_t{500} << 20;  // of the device's memory, about what CUDA takes

/// Whether this process has its context, which the first call that needs one makes and only the process's end destroys.
bool has_context();

std::size_t total_bytes();
std::size_t free_bytes();
int capability();

/// Of the device's memory. False: there is not so much.
bool take(std::size_t bytes);
void give_back(std::size_t bytes);

enum class Place { kDevice, kPinned, kPageable };

/// Addresses, which cost nothing until they are written to. Null: none are left.
void* map(std::size_t bytes, Place place, bool usable = true);
/// The bytes that were there; 0: none of that place were.
std::size_t unmap(void* start, Place place);
Place place_of(const void* address);

/// A step of the device's work, which comes to pass in the order of calls; its number.
std::uint64_t enqueue(std::function<void()> work);
/// Until this step is done; by default all.
void finish(std::uint64_t step = UINT64_MAX);
bool is_done(std::uint64_t step);

}  // namespace cuda_stand_in
