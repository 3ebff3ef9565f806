#pragma once

#include <ATen/core/Tensor.h>

namespace bertft::model {

/// Rows of a table by id, as at::embedding. Where the table has a gradient already, of an earlier micro-batch, the
/// backward pass adds to its rows in place, and returns none. Autograd would make a second gradient of the whole table
/// to add it: for a vocabulary of 250,000 that takes more memory than all activations of a small micro-batch.
/// So it has to be backward() that is called, into table.grad(), and not autograd::grad().
///
/// table    [V, E] float32, a parameter
/// ids      [T] int32
/// padding  id of the row that gets no gradient, -1: none
/// returns  [T, E]
at::Tensor lookup(const at::Tensor& table, const at::Tensor& ids, std::int64_t padding);

}  // namespace bertft::model
