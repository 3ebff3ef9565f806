#pragma once

#include "model/dropout.h"
#include "model/dropout_quad.h"

namespace bertft::model {

/// What the kernel is told of dropout_add_cpu()'s arguments. H must be a multiple of kColumnsPerDraw.
template <class X, class Out>
DropoutAddArguments<X, Out> dropout_add_arguments(const at::Tensor& x, const at::Tensor& residual,
                                                  const DropoutSite& site, const DeviceBatch& batch, at::Tensor& out) {
  return {x.const_data_ptr<X>(),
          residual.defined() ? residual.const_data_ptr<float>() : nullptr,
          batch.sequence_of_row.const_data_ptr<std::int32_t>(),
          batch.positions.const_data_ptr<std::int32_t>(),
          x.size(1) / device::kColumnsPerDraw,
          site.key,
          batch.first_in_batch,
          site.rate,
          out.mutable_data_ptr<Out>()};
}

}  // namespace bertft::model
