#include "bertft/model/device_batch.h"

#include <ATen/ops/empty.h>

#include <algorithm>
#include <utility>

namespace bertft::model {
namespace {

template <class To, class From>
at::Tensor copied(const std::vector<From>& values, at::ScalarType type, bool pinned) {
  const auto options = at::TensorOptions().dtype(type).pinned_memory(pinned);
  at::Tensor tensor = at::empty({static_cast<std::int64_t>(values.size())}, options);
  std::copy(values.begin(), values.end(), tensor.data_ptr<To>());
  return tensor;
}

DeviceBatch on_host(const data::PackedBatch& batch, bool pinned) {
  std::vector<std::int32_t> sequence_of_row(batch.num_tokens());
  for (std::size_t i = 0; i < batch.num_sequences(); ++i) {
    std::fill(sequence_of_row.begin() + batch.cu_seqlens[i], sequence_of_row.begin() + batch.cu_seqlens[i + 1],
              static_cast<std::int32_t>(i));
  }
  DeviceBatch result;
  result.ids = copied<std::int32_t>(batch.ids, at::kInt, pinned);
  result.type_ids = copied<std::int32_t>(batch.type_ids, at::kInt, pinned);
  result.positions = copied<std::int32_t>(batch.positions, at::kInt, pinned);
  result.sequence_of_row = copied<std::int32_t>(sequence_of_row, at::kInt, pinned);
  result.cu_seqlens = copied<std::int32_t>(batch.cu_seqlens, at::kInt, pinned);
  result.start_rows = copied<std::int64_t>(batch.start_rows, at::kLong, pinned);
  result.end_rows = copied<std::int64_t>(batch.end_rows, at::kLong, pinned);
  result.cu_seqlens_host = batch.cu_seqlens;
  result.max_length = batch.max_length();
  result.first_in_batch = batch.first_in_batch;
  return result;
}

// Without waiting for the copies; each tensor goes as soon as it is copied from.
DeviceBatch copied_to(c10::Device device, DeviceBatch pinned) {
  for (at::Tensor* tensor : {&pinned.ids, &pinned.type_ids, &pinned.positions, &pinned.sequence_of_row,
                             &pinned.cu_seqlens, &pinned.start_rows, &pinned.end_rows}) {
    *tensor = tensor->to(device, /*non_blocking=*/true);
  }
  return pinned;
}

}  // namespace

StagedBatch stage(data::PackedBatch packed, c10::Device device) {
  StagedBatch batch{std::move(packed), std::nullopt};
  if (device.is_cuda()) batch.pinned = on_host(batch.packed, /*pinned=*/true);
  return batch;
}

DeviceBatch to_device(StagedBatch& batch, c10::Device device) {
  if (!batch.pinned) return to_device(batch.packed, device);
  return copied_to(device, *std::exchange(batch.pinned, std::nullopt));
}

DeviceBatch to_device(const data::PackedBatch& batch, c10::Device device) {
  return device.is_cuda() ? copied_to(device, on_host(batch, /*pinned=*/true)) : on_host(batch, /*pinned=*/false);
}

}  // namespace bertft::model
