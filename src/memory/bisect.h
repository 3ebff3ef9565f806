#pragma once

#include <cstdint>

namespace bertft::memory {

/// The largest size from `fits` up to below `too_large` for which `holds` is true; it must be true
/// up to some size and false from there on. `fits` itself is taken for granted.
template <class Holds>
std::int64_t largest_size(std::int64_t fits, std::int64_t too_large, const Holds& holds) {
  while (too_large - fits > 1) {
    const std::int64_t middle = fits + (too_large - fits) / 2;
    (holds(middle) ? fits : too_large) = middle;
  }
  return fits;
}

}  // namespace bertft::memory
