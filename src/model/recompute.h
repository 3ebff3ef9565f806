#pragma once

#include <ATen/core/Tensor.h>

#include <functional>

namespace bertft::model {

/// Runs `block` without keeping what its backward pass needs; the backward pass runs it once
/// more (Chen et al. 2016, "Training deep nets with sublinear memory cost"). `block` must
/// give the same result both times.
at::Tensor recomputed(const std::function<at::Tensor(const at::Tensor&)>& block, const at::Tensor& input);

}  // namespace bertft::model
