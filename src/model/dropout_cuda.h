#pragma once

#include "model/dropout.h"
#include "model/dropout_quad.h"

namespace bertft::model {

/// Rows of whole quads are aligned wherever a tensor's first element is.
template <class T>
const Quad<T>* quads_of(const at::Tensor& rows) {
  const T* data = rows.const_data_ptr<T>();
  TORCH_CHECK(reinterpret_cast<std::uintptr_t>(data) % alignof(Quad<T>) == 0, "dropout needs aligned rows");
  return reinterpret_cast<const Quad<T>*>(data);
}

/// What the kernel is told of dropout_add_cpu()'s arguments. H must be a multiple of kColumnsPerDraw.
template <class X, class Out>
DropoutAddArguments<X, Out> dropout_add_arguments(const at::Tensor& x, const at::Tensor& residual,
                                                  const DropoutSite& site, const DeviceBatch& batch, at::Tensor& out) {
  return {.x = quads_of<X>(x),
          .residual = residual.defined() ? quads_of<float>(residual) : nullptr,
          .sequence = batch.sequence_of_row.const_data_ptr<std::int32_t>(),
          .position = batch.positions.const_data_ptr<std::int32_t>(),
          .num_rows = x.size(0),
          .quads_per_row = x.size(1) / device::kColumnsPerDraw,
          .key = site.key,
          .first_in_batch = batch.first_in_batch,
          .rate = site.rate,
          .out = reinterpret_cast<Quad<Out>*>(out.mutable_data_ptr<Out>())};
}

}  // namespace bertft::model
