#pragma once

// C++17: the .cu file that implements dropout_add_cuda includes this.

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "bertft/device/counter_rng.h"

namespace bertft::model {

/// One place of the network where elements are dropped. The mask of an element depends on
/// the key, its sequence's place in the effective batch, and its place in the sequence.
struct DropoutSite {
  device::DropoutRate rate;  // threshold 0: nothing is dropped
  std::uint64_t key = 0;     // folded from seed, step, layer and site

  bool active() const { return rate.threshold > 0; }
};

/// Where the rows of a packed batch stand: what a mask depends on besides the site.
struct RowPlaces {
  at::Tensor sequence_of_row, positions;  // [T] int32
  std::int64_t first_in_batch;
};

/// dropout_add_cpu's twin on the current CUDA stream; H must be a multiple of 4.
at::Tensor dropout_add_cuda(const at::Tensor& x, const at::Tensor& residual, at::ScalarType out_type,
                            const DropoutSite& site, const RowPlaces& places);

}  // namespace bertft::model
