#pragma once

#include <c10/core/ScalarType.h>

namespace bertft::model {

/// Calls function.operator()<X, Out>() for the types that `x` and `out` name, each kFloat or kBFloat16.
template <class Function>
void with_types(at::ScalarType x, at::ScalarType out, const Function& function) {
  const auto with_x = [&]<class X>() {
    if (out == at::kBFloat16) {
      function.template operator()<X, c10::BFloat16>();
    } else {
      function.template operator()<X, float>();
    }
  };
  if (x == at::kBFloat16) {
    with_x.template operator()<c10::BFloat16>();
  } else {
    with_x.template operator()<float>();
  }
}

}  // namespace bertft::model
