// CUDA's runtime, of which what LibTorch calls. Signatures: cuda_runtime_api.h, crt/host_runtime.h.

#include <cuda_runtime_api.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iterator>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cuda_stand_in/device.h"

using namespace cuda_stand_in;

namespace {

constexpr int kVersion = 13000;
constexpr int kWarp = 32, kBlockThreads = 1024, kBlockDepth = 64, kGridWidth = 2147483647, kGridHeight = 65535;
constexpr int kBlockMemory = 48 << 10;

// A card of each architecture.
struct Architecture {
  int capability, multiprocessors, threads, block_memory;  // of a multiprocessor, and shared in a block at most
};
constexpr Architecture kArchitectures[] = {
    {75, 40, 1024, 64 << 10},     // T4
    {80, 108, 2048, 163 << 10},   // A100
    {86, 28, 1536, 99 << 10},     // RTX 3060
    {90, 132, 2048, 227 << 10},   // H100
    {100, 148, 2048, 227 << 10},  // B200
    {120, 170, 1536, 99 << 10},   // RTX 5090
};
const Architecture& architecture() {
  const auto* found = std::find_if(std::begin(kArchitectures), std::end(kArchitectures),
                                   [](const Architecture& one) { return one.capability >= capability(); });
  return found == std::end(kArchitectures) ? *std::prev(found) : *found;
}

thread_local cudaError_t last_error = cudaSuccess;

cudaError_t failed(cudaError_t error) {
  return last_error = error;
}

struct Configuration {
  dim3 grid, block;
  std::size_t shared_bytes;
  CUstream_st* stream;
};
thread_local std::vector<Configuration> configurations;

cudaError_t launch(const dim3& grid, const dim3& block, std::size_t shared_bytes) {
  count(&Counts::launches);
  const auto is_within = [](const dim3& size, unsigned x, unsigned y, unsigned z) {
    return size.x > 0 && size.y > 0 && size.z > 0 && size.x <= x && size.y <= y && size.z <= z;
  };
  const std::uint64_t threads = std::uint64_t{block.x} * block.y * block.z;
  const bool is_valid = is_within(grid, kGridWidth, kGridHeight, kGridHeight) &&
                        is_within(block, kBlockThreads, kBlockThreads, kBlockDepth) && threads <= kBlockThreads &&
                        shared_bytes <= static_cast<std::size_t>(architecture().block_memory);
  return is_valid ? cudaSuccess : failed(cudaErrorInvalidConfiguration);
}

// What was pinned must stay as it is until the device has read it.
void copy_pinned(void* target, const void* source, std::size_t bytes) {
  count(&Counts::copies_from_pinned);
  const auto hash = [=] { return std::hash<std::string_view>{}({static_cast<const char*>(source), bytes}); };
  enqueue([=, expected = hash()] {
    if (hash() != expected) {
      std::fprintf(stderr, "%zu pinned bytes were changed before the device had read them\n", bytes);
      std::abort();
    }
    std::memcpy(target, source, bytes);
  });
}

struct Event {
  std::atomic<std::uint64_t> step = 0;
  std::atomic<int> times_asked = 0;
};
Event* of(cudaEvent_t event) {
  return reinterpret_cast<Event*>(event);
}

}  // namespace

extern "C" {

// Kernels

void** __cudaRegisterFatBinary(void*) {
  static void* none = nullptr;
  return &none;
}
void __cudaRegisterFatBinaryEnd(void**) {}
void __cudaUnregisterFatBinary(void**) {}
void __cudaRegisterFunction(void**, const char*, char*, const char*, int, uint3*, uint3*, dim3*, dim3*, int*) {}
void __cudaRegisterVar(void**, char*, char*, const char*, int, std::size_t, int, int) {}

unsigned __cudaPushCallConfiguration(dim3 grid, dim3 block, std::size_t shared_bytes, CUstream_st* stream) {
  configurations.push_back({grid, block, shared_bytes, stream});
  return 0;
}
cudaError_t __cudaPopCallConfiguration(dim3* grid, dim3* block, std::size_t* shared_bytes, void* stream) {
  const Configuration& last = configurations.back();
  *grid = last.grid;
  *block = last.block;
  *shared_bytes = last.shared_bytes;
  *static_cast<CUstream_st**>(stream) = last.stream;
  configurations.pop_back();
  return cudaSuccess;
}
cudaError_t __cudaGetKernel(cudaKernel_t* kernel, const void* function) {
  *kernel = static_cast<cudaKernel_t>(const_cast<void*>(function));
  return cudaSuccess;
}
cudaError_t __cudaLaunchKernel(cudaKernel_t, dim3 grid, dim3 block, void**, std::size_t shared_bytes, cudaStream_t) {
  return launch(grid, block, shared_bytes);
}
cudaError_t cudaLaunchKernelExC(const cudaLaunchConfig_t* config, const void*, void**) {
  return launch(config->gridDim, config->blockDim, config->dynamicSmemBytes);
}
cudaError_t cudaFuncGetAttributes(cudaFuncAttributes* attributes, const void*) {
  *attributes = {};
  attributes->maxThreadsPerBlock = kBlockThreads;
  attributes->maxDynamicSharedSizeBytes = architecture().block_memory;
  attributes->ptxVersion = attributes->binaryVersion = capability();
  return cudaSuccess;
}
cudaError_t cudaFuncSetAttribute(const void*, cudaFuncAttribute, int) {
  return cudaSuccess;
}
cudaError_t cudaOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(int* blocks, const void*, int, std::size_t,
                                                                   unsigned) {
  *blocks = 2;
  return cudaSuccess;
}

// The device

cudaError_t cudaDriverGetVersion(int* version) {
  *version = kVersion;
  return cudaSuccess;
}
cudaError_t cudaRuntimeGetVersion(int* version) {
  *version = kVersion;
  return cudaSuccess;
}
cudaError_t cudaGetDeviceCount(int* number) {
  *number = 1;
  return cudaSuccess;
}
cudaError_t cudaGetDevice(int* device) {
  *device = 0;
  return cudaSuccess;
}
cudaError_t cudaSetDevice(int) {
  return has_context() ? cudaSuccess : failed(cudaErrorDevicesUnavailable);
}
cudaError_t cudaDeviceCanAccessPeer(int* can, int, int) {
  *can = 0;
  return cudaSuccess;
}
cudaError_t cudaDeviceGetStreamPriorityRange(int* least, int* greatest) {
  *least = *greatest = 0;
  return cudaSuccess;
}
cudaError_t cudaGetDeviceProperties(cudaDeviceProp* of_device, int) {
  *of_device = {};
  std::strcpy(of_device->name, "Stand-in");
  of_device->uuid.bytes[0] = 1;
  of_device->totalGlobalMem = total_bytes();
  of_device->major = capability() / 10;
  of_device->minor = capability() % 10;
  of_device->multiProcessorCount = architecture().multiprocessors;
  of_device->maxThreadsPerMultiProcessor = architecture().threads;
  of_device->maxThreadsPerBlock = kBlockThreads;
  of_device->warpSize = kWarp;
  of_device->maxThreadsDim[0] = of_device->maxThreadsDim[1] = kBlockThreads;
  of_device->maxThreadsDim[2] = kBlockDepth;
  of_device->maxGridSize[0] = kGridWidth;
  of_device->maxGridSize[1] = of_device->maxGridSize[2] = kGridHeight;
  of_device->sharedMemPerBlock = kBlockMemory;
  of_device->sharedMemPerBlockOptin = architecture().block_memory;
  of_device->sharedMemPerMultiprocessor = architecture().block_memory + 1024;
  of_device->regsPerBlock = of_device->regsPerMultiprocessor = 65536;
  of_device->maxBlocksPerMultiProcessor = kWarp;
  of_device->l2CacheSize = 50 << 20;
  return cudaSuccess;
}
cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr attribute, int) {
  const auto is = [&](int number) {
    *value = number;
    return cudaSuccess;
  };
  switch (attribute) {
    case cudaDevAttrMultiProcessorCount:
      return is(architecture().multiprocessors);
    case cudaDevAttrMaxThreadsPerMultiProcessor:
      return is(architecture().threads);
    case cudaDevAttrMaxThreadsPerBlock:
      return is(kBlockThreads);
    case cudaDevAttrWarpSize:
      return is(kWarp);
    case cudaDevAttrMaxGridDimX:
      return is(kGridWidth);
    case cudaDevAttrComputeCapabilityMajor:
      return is(capability() / 10);
    case cudaDevAttrComputeCapabilityMinor:
      return is(capability() % 10);
    case cudaDevAttrMaxSharedMemoryPerBlock:
      return is(kBlockMemory);
    case cudaDevAttrMaxSharedMemoryPerBlockOptin:
      return is(architecture().block_memory);
    default:
      return is(0);
  }
}
cudaError_t cudaDeviceSynchronize() {
  count(&Counts::waits);
  finish();
  return cudaSuccess;
}

cudaError_t cudaGetLastError() {
  return std::exchange(last_error, cudaSuccess);
}
cudaError_t cudaPeekAtLastError() {
  return last_error;
}
const char* cudaGetErrorName(cudaError_t error) {
  return error == cudaErrorMemoryAllocation ? "cudaErrorMemoryAllocation" : "cudaErrorUnknown";
}
const char* cudaGetErrorString(cudaError_t error) {
  switch (error) {
    case cudaSuccess:
      return "no error";
    case cudaErrorMemoryAllocation:
      return "out of memory";
    case cudaErrorInvalidConfiguration:
      return "invalid configuration argument";
    case cudaErrorDevicesUnavailable:
      return "CUDA-capable device(s) is/are busy or unavailable";
    default:
      return "unknown error";
  }
}

// Memory

cudaError_t cudaMemGetInfo(std::size_t* free, std::size_t* total) {
  if (!has_context()) return failed(cudaErrorDevicesUnavailable);
  *free = free_bytes();
  *total = total_bytes();
  return cudaSuccess;
}
cudaError_t cudaMalloc(void** start, std::size_t bytes) {
  if (!has_context()) return failed(cudaErrorDevicesUnavailable);
  if (!take(bytes)) return failed(cudaErrorMemoryAllocation);
  *start = map(bytes, Place::kDevice);
  if (*start != nullptr) return cudaSuccess;
  give_back(bytes);
  return failed(cudaErrorMemoryAllocation);
}
cudaError_t cudaFree(void* start) {
  if (start == nullptr) return cudaSuccess;
  const std::size_t bytes = unmap(start, Place::kDevice);
  give_back(bytes);
  return bytes > 0 ? cudaSuccess : failed(cudaErrorInvalidValue);
}
cudaError_t cudaHostAlloc(void** start, std::size_t bytes, unsigned) {
  if (!has_context()) return failed(cudaErrorDevicesUnavailable);
  count(&Counts::pinned_requests);
  *start = map(bytes, Place::kPinned);
  return *start != nullptr ? cudaSuccess : failed(cudaErrorMemoryAllocation);
}
cudaError_t cudaFreeHost(void* start) {
  return unmap(start, Place::kPinned) > 0 ? cudaSuccess : failed(cudaErrorInvalidValue);
}
cudaError_t cudaPointerGetAttributes(cudaPointerAttributes* attributes, const void* address) {
  const Place place = place_of(address);
  *attributes = {};
  attributes->type = place == Place::kDevice   ? cudaMemoryTypeDevice
                     : place == Place::kPinned ? cudaMemoryTypeHost
                                               : cudaMemoryTypeUnregistered;
  return cudaSuccess;
}
cudaError_t cudaMemcpyAsync(void* target, const void* source, std::size_t bytes, cudaMemcpyKind, cudaStream_t) {
  const Place from = place_of(source), to = place_of(target);
  if (from == Place::kPinned) {
    copy_pinned(target, source, bytes);
  } else if (from == Place::kPageable) {
    count(&Counts::copies_from_pageable);
    enqueue([target, copy = std::string(static_cast<const char*>(source), bytes)] {
      std::memcpy(target, copy.data(), copy.size());
    });
  } else if (to != Place::kDevice) {
    enqueue([=] { std::memcpy(target, source, bytes); });
    if (to != Place::kPageable) return cudaSuccess;
    count(&Counts::copies_to_pageable);
    finish();
  }
  return cudaSuccess;
}
cudaError_t cudaMemsetAsync(void*, int, std::size_t, cudaStream_t) {
  return cudaSuccess;
}

// Streams and events: one order for all of them, which is one of those that they allow. A wait that is missing between
// two streams does not show.

cudaError_t cudaStreamCreateWithPriority(cudaStream_t* stream, unsigned, int) {
  if (!has_context()) return failed(cudaErrorDevicesUnavailable);
  static std::atomic<std::uintptr_t> last = 0x1000;
  *stream = reinterpret_cast<cudaStream_t>(++last);
  return cudaSuccess;
}
cudaError_t cudaStreamSynchronize(cudaStream_t) {
  count(&Counts::waits);
  finish();
  return cudaSuccess;
}
cudaError_t cudaStreamWaitEvent(cudaStream_t, cudaEvent_t, unsigned) {
  return cudaSuccess;
}
cudaError_t cudaStreamIsCapturing(cudaStream_t, cudaStreamCaptureStatus* status) {
  *status = cudaStreamCaptureStatusNone;
  return cudaSuccess;
}
cudaError_t cudaStreamGetCaptureInfo(cudaStream_t, cudaStreamCaptureStatus* status, unsigned long long*, cudaGraph_t*,
                                     const cudaGraphNode_t**, const cudaGraphEdgeData**, std::size_t*) {
  *status = cudaStreamCaptureStatusNone;
  return cudaSuccess;
}
cudaError_t cudaThreadExchangeStreamCaptureMode(cudaStreamCaptureMode*) {
  return cudaSuccess;
}

cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned) {
  if (!has_context()) return failed(cudaErrorDevicesUnavailable);
  *event = reinterpret_cast<cudaEvent_t>(new Event);
  return cudaSuccess;
}
cudaError_t cudaEventDestroy(cudaEvent_t event) {
  delete of(event);
  return cudaSuccess;
}
cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t) {
  of(event)->step = enqueue([] {});
  return cudaSuccess;
}
cudaError_t cudaEventRecordWithFlags(cudaEvent_t event, cudaStream_t stream, unsigned) {
  return cudaEventRecord(event, stream);
}
cudaError_t cudaEventQuery(cudaEvent_t event) {  // in the end a device is done without being waited for
  constexpr int kPatience = 8;
  if (++of(event)->times_asked % kPatience == 0) finish(of(event)->step);
  return is_done(of(event)->step) ? cudaSuccess : cudaErrorNotReady;
}
cudaError_t cudaEventSynchronize(cudaEvent_t event) {
  count(&Counts::waits);
  finish(of(event)->step);
  return cudaSuccess;
}

}  // extern "C"
