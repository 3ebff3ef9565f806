#include "bertft/model/device_batch.h"

#include <ATen/ops/empty.h>

namespace bertft::model {
namespace {

template <class To, class From>
at::Tensor copied(const std::vector<From>& values, at::ScalarType type, c10::Device device) {
  const auto options = at::TensorOptions().dtype(type).pinned_memory(device.is_cuda());
  at::Tensor host = at::empty({static_cast<std::int64_t>(values.size())}, options);
  std::copy(values.begin(), values.end(), host.data_ptr<To>());
  return device.is_cuda() ? host.to(device, /*non_blocking=*/true) : host;
}

}  // namespace

DeviceBatch to_device(const data::PackedBatch& batch, c10::Device device) {
  std::vector<std::int32_t> sequence_of_row(batch.num_tokens());
  for (std::size_t i = 0; i < batch.num_sequences(); ++i) {
    std::fill(sequence_of_row.begin() + batch.cu_seqlens[i], sequence_of_row.begin() + batch.cu_seqlens[i + 1],
              static_cast<std::int32_t>(i));
  }
  DeviceBatch result;
  result.ids = copied<std::int32_t>(batch.ids, at::kInt, device);
  result.type_ids = copied<std::int32_t>(batch.type_ids, at::kInt, device);
  result.positions = copied<std::int32_t>(batch.positions, at::kInt, device);
  result.sequence_of_row = copied<std::int32_t>(sequence_of_row, at::kInt, device);
  result.cu_seqlens = copied<std::int32_t>(batch.cu_seqlens, at::kInt, device);
  result.start_rows = copied<std::int64_t>(batch.start_rows, at::kLong, device);
  result.end_rows = copied<std::int64_t>(batch.end_rows, at::kLong, device);
  result.cu_seqlens_host = batch.cu_seqlens;
  result.max_length = batch.max_length();
  result.first_in_batch = batch.first_in_batch;
  return result;
}

}  // namespace bertft::model
