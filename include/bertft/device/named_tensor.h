#pragma once

#include <ATen/core/Tensor.h>

#include <string>

namespace bertft::device {

/// A tensor under the name that it has in files.
struct NamedTensor {
  std::string name;
  at::Tensor tensor;
};

}  // namespace bertft::device
