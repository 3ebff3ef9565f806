#pragma once

#include <algorithm>
#include <cstdint>

namespace bertft::memory {

/// The workspace of ATen's sum over the rows of a matrix on a GPU that holds so many threads at once: a bias's
/// gradient. Blocks have 128 threads, each of four columns and every fourth row; as many as the GPU holds share the
/// rows, and each of their threads has room for the columns of its whole block, as if they were its own
/// (ATen/native/cuda/Reduce.cuh, setReduceConfig and global_memory_size).
inline std::int64_t row_sum_bytes(std::int64_t rows, std::int64_t columns, std::int64_t gpu_threads) {
  constexpr std::int64_t kThreads = 128, kColumns = 128, kRows = 4, kLeastRows = 16, kMostRows = 256, kBytes = 4;
  const auto divide_up = [](std::int64_t a, std::int64_t b) { return (a + b - 1) / b; };
  const std::int64_t rows_of_thread = divide_up(rows, kRows);
  if (rows_of_thread < kMostRows) return 0;
  const std::int64_t held = divide_up(gpu_threads / kThreads, divide_up(columns, kColumns));
  const std::int64_t sharing =
      std::max(std::min(held, divide_up(rows_of_thread, kLeastRows)), divide_up(rows_of_thread, kMostRows));
  return sharing == 1 ? 0 : kBytes * columns * kColumns * sharing;
}

}  // namespace bertft::memory
