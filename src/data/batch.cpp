#include "bertft/data/batch.h"

#include <algorithm>
#include <limits>

namespace bertft::data {

std::uint32_t PackedBatch::max_length() const {
  std::int32_t longest = 0;
  for (std::size_t i = 1; i < cu_seqlens.size(); ++i) longest = std::max(longest, cu_seqlens[i] - cu_seqlens[i - 1]);
  return static_cast<std::uint32_t>(longest);
}

std::size_t first_slice_size(const Features& features, std::span<const std::uint32_t> windows,
                             const MicroBatchLimit& limit) {
  constexpr std::int64_t kMostTokens = std::numeric_limits<std::int32_t>::max();  // of cu_seqlens
  const std::int64_t most_tokens = std::min(limit.tokens.value_or(kMostTokens), kMostTokens);
  const std::int64_t most_features = std::min(limit.features.value_or(kMostSequences), kMostSequences);
  std::int64_t num_tokens = 0;
  for (std::size_t i = 0; i < windows.size(); ++i) {
    num_tokens += features.length(features.windows[windows[i]]);
    const bool full = num_tokens > most_tokens || static_cast<std::int64_t>(i) >= most_features;
    if (full && i > 0) return i;
  }
  return windows.size();
}

std::vector<std::size_t> slice_batch(const Features& features, std::span<const std::uint32_t> windows,
                                     const MicroBatchLimit& limit) {
  std::vector<std::size_t> borders{0};
  while (borders.back() < windows.size()) {
    borders.push_back(borders.back() + first_slice_size(features, windows.subspan(borders.back()), limit));
  }
  return borders;
}

PackedBatch pack(const Features& features, std::span<const std::uint32_t> windows, std::uint32_t first_in_batch) {
  std::size_t num_tokens = 0;
  for (const std::uint32_t window : windows) num_tokens += features.length(features.windows[window]);

  PackedBatch batch;
  batch.first_in_batch = first_in_batch;
  batch.windows.assign(windows.begin(), windows.end());
  batch.ids.reserve(num_tokens);
  batch.type_ids.reserve(num_tokens);
  batch.positions.reserve(num_tokens);
  batch.cu_seqlens.push_back(0);
  const auto append = [&](std::uint32_t id, std::int32_t type, const tokenizer::Token*) {
    batch.ids.push_back(static_cast<std::int32_t>(id));
    batch.type_ids.push_back(type);
    batch.positions.push_back(static_cast<std::int32_t>(batch.ids.size()) - 1 - batch.cu_seqlens.back());
  };
  for (const std::uint32_t window_idx : windows) {
    const Window& window = features.windows[window_idx];
    features.for_each_token(window, append);
    const std::int32_t begin = batch.cu_seqlens.back();
    batch.start_rows.push_back(begin + static_cast<std::int32_t>(window.start_label));
    batch.end_rows.push_back(begin + static_cast<std::int32_t>(window.end_label));
    batch.cu_seqlens.push_back(static_cast<std::int32_t>(batch.ids.size()));
  }
  return batch;
}

}  // namespace bertft::data
