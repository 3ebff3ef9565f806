#pragma once

#include <ATen/core/Tensor.h>

namespace bertft::model {

/// Rows of a table by id, as at::embedding. Where the table has a gradient already, of an earlier micro-batch, the
/// backward pass adds to its rows in place. Autograd would make another one of the whole table to add it: for a
/// vocabulary of 250,000 more than all activations of a small micro-batch.
///
/// table    [V, E] float32, a parameter
/// ids      [T] int32 or int64
/// padding  id of the row that gets no gradient, -1: none
/// returns  [T, E]
at::Tensor lookup(const at::Tensor& table, const at::Tensor& ids, std::int64_t padding);

}  // namespace bertft::model
