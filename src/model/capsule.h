#pragma once

#include <ATen/core/ivalue.h>
#include <torch/custom_class.h>

#include <utility>

namespace bertft::model {

/// Lets autograd keep any value of ours between a forward and its backward pass:
///   ctx->saved_data["x"] = hold(std::move(value));   held<Value>(ctx->saved_data["x"])
template <class T>
struct Capsule : torch::CustomClassHolder {
  explicit Capsule(T v) : value(std::move(v)) {}
  T value;
};

template <class T>
c10::IValue hold(T value) {
  return c10::IValue::make_capsule(c10::make_intrusive<Capsule<T>>(std::move(value)));
}

template <class T>
const T& held(const c10::IValue& value) {
  return static_cast<const Capsule<T>&>(*value.toCapsule()).value;
}

}  // namespace bertft::model
