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

// Of segments that grow.
constexpr std::array kOfGrowing{
    Spelling{"handles_.at(i) INTERNAL ASSERT FAILED", "CUDACachingAllocator"},
    Spelling{"CUDA driver error: device not ready"},
    Spelling{"CUDA driver error: out of memory"},
};

constexpr std::array kOthers{
    Spelling{"CUDA out of memory"},
    Spelling{"CUDA error: out of memory"},
    Spelling{"HIP out of memory"},
    Spelling{"CUBLAS_STATUS_ALLOC_FAILED"},
    Spelling{"CUBLAS_STATUS_NOT_INITIALIZED"},  // what cublasCreate says when it finds no memory
    Spelling{"OOM trying to allocate workspace for cublaslt"},
    Spelling{"CUDNN_STATUS_ALLOC_FAILED"},
    Spelling{"CUDNN_STATUS_NOT_SUPPORTED"},
    Spelling{"DefaultCPUAllocator: can't allocate memory"},
    Spelling{"DefaultCPUAllocator: not enough memory"},
    Spelling{"nonzero is not supported for tensors with more than INT_MAX elements"},
    Spelling{"std::bad_alloc"},
};

template <std::size_t N>
bool says_one_of(const std::array<Spelling, N>& spellings, std::string_view text) {
  const auto has = [&](std::string_view part) { return text.find(part) != std::string_view::npos; };
  return std::any_of(spellings.begin(), spellings.end(),
                     [&](const Spelling& spelling) { return has(spelling.first) && has(spelling.second); });
}

}  // namespace

bool says_out_of_memory(std::string_view text) {
  return says_one_of(kOfGrowing, text) || says_one_of(kOthers, text);
}

bool says_growing_was_broken_off(std::string_view text) {
  return says_one_of(kOfGrowing, text);
}

}  // namespace bertft::memory
