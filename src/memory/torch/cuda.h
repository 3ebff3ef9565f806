#pragma once

#include "bertft/memory/budget.h"

/// CUDA's side of bertft/memory/budget.h, of GPU 0; null without CUDA, as in bertft/device/cuda.h.
namespace bertft::memory::cuda {

[[gnu::weak]] Capacity capacity();

/// Takes no more than this share of the whole memory from now on.
[[gnu::weak]] void limit(double share);

[[gnu::weak]] Use use();
[[gnu::weak]] void reset_peak();

/// Of StepShape.
[[gnu::weak]] std::int64_t gpu_threads();
[[gnu::weak]] std::uint64_t cublas_workspace_bytes();

/// Gives back what is cached, cuBLAS's workspaces too: tens of MiB a thread, which come back with the
/// next product.
[[gnu::weak]] void release_cached();

}  // namespace bertft::memory::cuda
