#include "memory/shortage_text.h"

#include <algorithm>
#include <span>

namespace bertft::memory {
namespace {

// Of segments that grow.
constexpr std::string_view kOfGrowing[] = {
    "handles_.at(i) INTERNAL ASSERT FAILED",
    "CUDA driver error: device not ready",
    "CUDA driver error: out of memory",
};

constexpr std::string_view kOthers[] = {
    "CUDA out of memory",
    "CUDA error: out of memory",
    "HIP out of memory",
    "CUBLAS_STATUS_ALLOC_FAILED",
    "CUBLAS_STATUS_NOT_INITIALIZED",  // what cublasCreate says when it finds no memory
    "OOM trying to allocate workspace for cublaslt",
    "CUDNN_STATUS_ALLOC_FAILED",
    "CUDNN_STATUS_NOT_SUPPORTED",
    "DefaultCPUAllocator: can't allocate memory",
    "DefaultCPUAllocator: not enough memory",
    "nonzero is not supported for tensors with more than INT_MAX elements",
    "std::bad_alloc",
};

bool says_one_of(std::span<const std::string_view> spellings, std::string_view text) {
  return std::any_of(spellings.begin(), spellings.end(),
                     [&](std::string_view spelling) { return text.find(spelling) != text.npos; });
}

}  // namespace

bool says_out_of_memory(std::string_view text) {
  return says_one_of(kOfGrowing, text) || says_one_of(kOthers, text);
}

bool says_growing_was_broken_off(std::string_view text) {
  return says_one_of(kOfGrowing, text);
}

}  // namespace bertft::memory
