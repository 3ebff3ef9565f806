#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "bertft/data/features.h"

namespace bertft::data {

/// n windows laid end to end, T tokens in all; no padding. Sequence i is
/// [cu_seqlens[i], cu_seqlens[i + 1]).
struct PackedBatch {
  std::vector<std::int32_t> ids;         // [T]
  std::vector<std::int32_t> type_ids;    // [T] of the question, of the context
  std::vector<std::int32_t> positions;   // [T] from 0 in each sequence
  std::vector<std::int32_t> cu_seqlens;  // [n + 1]
  std::vector<std::int32_t> start_rows;  // [n] packed row of the start label
  std::vector<std::int32_t> end_rows;    // [n] packed row of the end label
  std::vector<std::uint32_t> windows;    // [n] index into Features::windows
  std::uint32_t first_in_batch = 0;      // place of sequence 0 in the effective batch (keys of dropout)

  std::size_t num_sequences() const { return windows.size(); }
  std::size_t num_tokens() const { return ids.size(); }
  std::uint32_t max_length() const;
};

/// Sequences of one batch. Attention's kernels on a GPU count them in a dimension of the grid, which CUDA bounds at
/// 65,535; the backward pass of flash-attention, until its issue 1500 was mended, counts 128 rows for each, times the
/// hidden size, in 32 bits: so many are right up to a size of 2048.
inline constexpr std::int64_t kMostSequences = 8'000;

/// How an effective batch is cut for the device: at most so many features and so many
/// tokens at a time. Unset means no bound but that of kMostSequences. A single window is never cut.
struct MicroBatchLimit {
  std::optional<std::int64_t> features;
  std::optional<std::int64_t> tokens;

  bool operator==(const MicroBatchLimit&) const = default;
};

/// Contiguous slices of `windows` (indices into features.windows, in the order of the
/// effective batch), each as long as the limit allows. Returns the slice borders: 0, ..., n.
std::vector<std::size_t> slice_batch(const Features& features, std::span<const std::uint32_t> windows,
                                     const MicroBatchLimit& limit);

/// How many of `windows` the first of those slices has; 0 of none.
std::size_t first_slice_size(const Features& features, std::span<const std::uint32_t> windows,
                             const MicroBatchLimit& limit);

/// Packs `windows`, a slice that begins at place `first_in_batch` of its effective batch.
PackedBatch pack(const Features& features, std::span<const std::uint32_t> windows, std::uint32_t first_in_batch);

}  // namespace bertft::data
