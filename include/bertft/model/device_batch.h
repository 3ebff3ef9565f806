#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>

#include <cstdint>
#include <optional>
#include <vector>

#include "bertft/data/batch.h"

namespace bertft::model {

/// A data::PackedBatch on the device. T tokens in n sequences, no padding.
struct DeviceBatch {
  at::Tensor ids, type_ids, positions;  // [T] int32
  at::Tensor sequence_of_row;           // [T] int32, 0 ... n - 1
  at::Tensor cu_seqlens;                // [n + 1] int32
  at::Tensor start_rows, end_rows;      // [n] int64, rows of the labels
  std::vector<std::int32_t> cu_seqlens_host;
  std::int64_t max_length = 0;
  std::int64_t first_in_batch = 0;  // place of sequence 0 in its effective batch

  std::int64_t num_sequences() const { return static_cast<std::int64_t>(cu_seqlens_host.size()) - 1; }
  std::int64_t num_tokens() const { return cu_seqlens_host.back(); }
};

/// A batch on its way to a device, which any thread may make.
struct StagedBatch {
  data::PackedBatch packed;
  std::optional<DeviceBatch> pinned;  // for CUDA: the same in pinned memory, which is copied from without waiting
};
StagedBatch stage(data::PackedBatch packed, c10::Device device);

/// Copies a batch to the device for which it was staged. What was pinned is let go of at once; a batch that is asked
/// for again is pinned anew. (To free pinned memory that was copied from asks its device for an event, in a destructor:
/// once work has failed and the device is lost that ends the process without a word.)
DeviceBatch to_device(StagedBatch& batch, c10::Device device);
DeviceBatch to_device(const data::PackedBatch& batch, c10::Device device);

}  // namespace bertft::model
