#pragma once

#include <cstdlib>

namespace bertft {

inline void require(bool holds) {
  if (!holds) std::abort();
}

}  // namespace bertft
