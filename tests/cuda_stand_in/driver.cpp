// CUDA's driver: what LibTorch takes from libcuda.so.1, which this library calls itself, and what it asks the runtime
// for by name, virtual memory above all.

#include <cuda.h>
#include <cuda_runtime_api.h>
#include <sys/mman.h>

#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "cuda_stand_in/device.h"

using namespace cuda_stand_in;

namespace {

void* address_of(CUdeviceptr pointer) {
  return reinterpret_cast<void*>(pointer);
}

CUresult granularity(std::size_t* bytes, const CUmemAllocationProp*, CUmemAllocationGranularity_flags) {
  *bytes = std::size_t{2} << 20;
  return CUDA_SUCCESS;
}
CUresult reserve(CUdeviceptr* start, std::size_t bytes, std::size_t, CUdeviceptr, unsigned long long) {
  *start = reinterpret_cast<CUdeviceptr>(map(bytes, Place::kDevice, /*usable=*/false));
  return *start == 0 ? CUDA_ERROR_OUT_OF_MEMORY : CUDA_SUCCESS;
}
CUresult free_reserved(CUdeviceptr start, std::size_t) {
  unmap(address_of(start), Place::kDevice);
  return CUDA_SUCCESS;
}
// A handle is its number of bytes: they are taken here and have no address yet.
CUresult create(CUmemGenericAllocationHandle* handle, std::size_t bytes, const CUmemAllocationProp*,
                unsigned long long) {
  *handle = bytes;
  if (!has_context()) return CUDA_ERROR_DEVICE_UNAVAILABLE;
  return take(bytes) ? CUDA_SUCCESS : CUDA_ERROR_OUT_OF_MEMORY;
}
CUresult release(CUmemGenericAllocationHandle handle) {
  give_back(handle);
  return CUDA_SUCCESS;
}
CUresult map_to(CUdeviceptr, std::size_t, std::size_t, CUmemGenericAllocationHandle, unsigned long long) {
  return CUDA_SUCCESS;
}
CUresult set_access(CUdeviceptr start, std::size_t bytes, const CUmemAccessDesc*, std::size_t) {
  if (std::getenv("CUDA_STAND_IN_IS_WSL") != nullptr) return CUDA_ERROR_UNKNOWN;
  return mprotect(address_of(start), bytes, PROT_READ | PROT_WRITE) == 0 ? CUDA_SUCCESS : CUDA_ERROR_UNKNOWN;
}
CUresult unmap_from(CUdeviceptr start, std::size_t bytes) {
  finish();
  constexpr int kFlags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED;
  return mmap(address_of(start), bytes, PROT_NONE, kFlags, -1, 0) == MAP_FAILED ? CUDA_ERROR_UNKNOWN : CUDA_SUCCESS;
}
CUresult not_there() {
  return CUDA_ERROR_NOT_SUPPORTED;
}

struct EntryPoint {
  std::string_view name;
  void* function;
};
const EntryPoint kEntryPoints[] = {
    {"cuDeviceGetAttribute", reinterpret_cast<void*>(&cuDeviceGetAttribute)},
    {"cuGetErrorString", reinterpret_cast<void*>(&cuGetErrorString)},
    {"cuMemAddressFree", reinterpret_cast<void*>(&free_reserved)},
    {"cuMemAddressReserve", reinterpret_cast<void*>(&reserve)},
    {"cuMemCreate", reinterpret_cast<void*>(&create)},
    {"cuMemGetAllocationGranularity", reinterpret_cast<void*>(&granularity)},
    {"cuMemMap", reinterpret_cast<void*>(&map_to)},
    {"cuMemRelease", reinterpret_cast<void*>(&release)},
    {"cuMemSetAccess", reinterpret_cast<void*>(&set_access)},
    {"cuMemUnmap", reinterpret_cast<void*>(&unmap_from)},
};

[[noreturn]] void refuse(const char* function) {
  std::fprintf(stderr, "the stand-in has no %s\n", function);
  std::abort();
}

}  // namespace

extern "C" {

cudaError_t cudaGetDriverEntryPointByVersion(const char* name, void** function, unsigned, unsigned long long,
                                             cudaDriverEntryPointQueryResult* result) {
  *function = reinterpret_cast<void*>(&not_there);  // which LibTorch wants to be some function
  for (const EntryPoint& known : kEntryPoints) {
    if (known.name == name) *function = known.function;
  }
  if (result != nullptr) *result = cudaDriverEntryPointSuccess;
  return cudaSuccess;
}

CUresult cuCtxGetCurrent(CUcontext* context) {
  static char any;
  *context = reinterpret_cast<CUcontext>(&any);
  return CUDA_SUCCESS;
}
CUresult cuDeviceGetAttribute(int* value, CUdevice_attribute attribute, CUdevice) {
  *value = attribute == CU_DEVICE_ATTRIBUTE_VIRTUAL_MEMORY_MANAGEMENT_SUPPORTED ? 1 : 0;
  return CUDA_SUCCESS;
}
CUresult cuDevicePrimaryCtxGetState(CUdevice, unsigned* flags, int* is_active) {
  *flags = 0;
  *is_active = 1;
  return CUDA_SUCCESS;
}
CUresult cuGetErrorString(CUresult error, const char** text) {
  *text = error == CUDA_ERROR_OUT_OF_MEMORY ? "out of memory" : "unknown error";
  return CUDA_SUCCESS;
}

// Of kernels compiled at run time, which the program has none of.
#define STAND_IN_LACKS(function)                \
  void lacking_##function() __asm__(#function); \
  void lacking_##function() {                   \
    refuse(#function);                          \
  }
STAND_IN_LACKS(cuCtxSetCurrent)
STAND_IN_LACKS(cuDeviceGet)
STAND_IN_LACKS(cuDevicePrimaryCtxRetain)
STAND_IN_LACKS(cuFuncGetAttribute)
STAND_IN_LACKS(cuFuncSetAttribute)
STAND_IN_LACKS(cuFuncSetCacheConfig)
STAND_IN_LACKS(cuLaunchCooperativeKernel)
STAND_IN_LACKS(cuLaunchKernel)
STAND_IN_LACKS(cuLinkAddData_v2)
STAND_IN_LACKS(cuLinkComplete)
STAND_IN_LACKS(cuLinkCreate_v2)
STAND_IN_LACKS(cuModuleGetFunction)
STAND_IN_LACKS(cuModuleLoad)
STAND_IN_LACKS(cuModuleLoadData)
STAND_IN_LACKS(cuModuleLoadDataEx)
STAND_IN_LACKS(cuModuleUnload)
STAND_IN_LACKS(cuOccupancyMaxActiveBlocksPerMultiprocessor)
STAND_IN_LACKS(cuPointerGetAttribute)
STAND_IN_LACKS(cuTensorMapEncodeTiled)
#undef STAND_IN_LACKS

}  // extern "C"
