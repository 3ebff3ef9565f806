#pragma once

#include <cstdint>
#include <vector>

#include "bertft/model/device_batch.h"

namespace bertft::model {

/// Sequences of the given lengths laid end to end; ids and labels follow from the places, so
/// that every call gives the same. `first_in_batch` is the place of the first one in its
/// effective batch. Ids are from 1 to `vocabulary` - 1.
inline data::PackedBatch packed_batch(const std::vector<std::int32_t>& lengths, std::uint32_t first_in_batch = 0,
                                      std::int32_t vocabulary = 50) {
  data::PackedBatch batch;
  batch.cu_seqlens = {0};
  batch.first_in_batch = first_in_batch;
  for (std::size_t s = 0; s < lengths.size(); ++s) {
    const auto place = static_cast<std::int32_t>(first_in_batch + s);
    const std::int32_t begin = batch.cu_seqlens.back();
    for (std::int32_t i = 0; i < lengths[s]; ++i) {
      batch.ids.push_back(1 + (7 * i + 13 * place) % (vocabulary - 1));
      batch.type_ids.push_back(i < lengths[s] / 3 ? 0 : 1);
      batch.positions.push_back(i);
    }
    batch.windows.push_back(static_cast<std::uint32_t>(place));
    batch.start_rows.push_back(begin + place % lengths[s]);
    batch.end_rows.push_back(begin + lengths[s] - 1);
    batch.cu_seqlens.push_back(begin + lengths[s]);
  }
  return batch;
}

inline DeviceBatch batch_of(const std::vector<std::int32_t>& lengths, std::uint32_t first_in_batch = 0) {
  return to_device(packed_batch(lengths, first_in_batch), c10::kCPU);
}

/// First row and length of sequence `s`.
struct Extent {
  std::int64_t begin, length;
};
inline Extent extent(const DeviceBatch& batch, std::int64_t s) {
  const std::int64_t begin = batch.cu_seqlens_host[static_cast<std::size_t>(s)];
  return {begin, batch.cu_seqlens_host[static_cast<std::size_t>(s) + 1] - begin};
}

}  // namespace bertft::model
