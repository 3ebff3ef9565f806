#pragma once

#include "model/dropout.h"
#include "model/dropout_quad.h"

namespace bertft::model {

/// What the kernel is told of dropout_add_cpu()'s arguments. H must be a multiple of kColumnsPerDraw.
template <class X, class Out>
DropoutAddArguments<X, Out> dropout_add_arguments(const at::Tensor& x, const at::Tensor& residual,
                                                  const DropoutSite& site, const DeviceBatch& batch, at::Tensor& out) {
  // Aligned: LibTorch's memory is, and so are rows of whole quads in it.
  return {
      .x = reinterpret_cast<const Quad<X>*>(x.const_data_ptr<X>()),
      .residual = residual.defined() ? reinterpret_cast<const Quad<float>*>(residual.const_data_ptr<float>()) : nullptr,
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
