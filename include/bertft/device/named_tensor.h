#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>
#include <vector>

namespace bertft::device {

/// A tensor under the name that it has in files.
struct NamedTensor {
  std::string name;
  at::Tensor tensor;
};

/// A table of which some rows are held, as a NamedTensor of that name, and the others lie aside on the host as they
/// were read. Ascending, both.
struct PartialTable {
  std::string name;
  std::vector<std::uint32_t> rows;  // of the whole, those that are held
  at::Tensor aside;                 // [others, width] float32
};

}  // namespace bertft::device
