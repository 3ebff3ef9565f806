#pragma once

#include <c10/core/ScalarType.h>

namespace bertft::model {

/// Calls function.operator()<X, Out>() for the types that `x` and `out` name: each kFloat, or the one of kBFloat16 and
/// kHalf that the run computes in.
template <class Function>
void with_types(at::ScalarType x, at::ScalarType out, const Function& function) {
  const auto with_half = [&]<class Half>() {
    if (x == at::kFloat) {
      function.template operator()<float, Half>();
    } else if (out == at::kFloat) {
      function.template operator()<Half, float>();
    } else {
      function.template operator()<Half, Half>();
    }
  };
  if (x == at::kBFloat16 || out == at::kBFloat16) {
    with_half.template operator()<c10::BFloat16>();
  } else if (x == at::kHalf || out == at::kHalf) {
    with_half.template operator()<c10::Half>();
  } else {
    function.template operator()<float, float>();
  }
}

}  // namespace bertft::model
