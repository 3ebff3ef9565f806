#include "memory/shortage_text.h"

#include <algorithm>
#include <array>

namespace bertft::memory {
namespace {

// Parts that must all occur.
struct Spelling {
  std::string_view first;
  std::string_view second = {};
};

constexpr std::array kSpellings{
    Spelling{"CUDA out of memory"},
    Spelling{"CUDA error: out of memory"},
    Spelling{"HIP out of memory"},
    Spelling{"CUBLAS_STATUS_ALLOC_FAILED"},
    Spelling{"CUBLAS_STATUS_NOT_INITIALIZED"},  // what cublasCreate says when it finds no memory
    Spelling{"OOM trying to allocate workspace for cublaslt"},
    Spelling{"CUDNN_STATUS_ALLOC_FAILED"},
    Spelling{"CUDNN_STATUS_NOT_SUPPORTED"},
    Spelling{"INTERNAL ASSERT FAILED", "CUDACachingAllocator"},
    Spelling{"CUDA driver error: device not ready"},
    Spelling{"CUDA driver error: out of memory"},  // of expandable segments
    Spelling{"DefaultCPUAllocator: can't allocate memory"},
    Spelling{"DefaultCPUAllocator: not enough memory"},
    Spelling{"nonzero is not supported for tensors with more than INT_MAX elements"},
    Spelling{"std::bad_alloc"},
};

}  // namespace

bool says_out_of_memory(std::string_view text) {
  const auto has = [&](std::string_view part) { return text.find(part) != std::string_view::npos; };
  return std::any_of(kSpellings.begin(), kSpellings.end(),
                     [&](const Spelling& spelling) { return has(spelling.first) && has(spelling.second); });
}

}  // namespace bertft::memory
