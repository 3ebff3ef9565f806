#pragma once

#include <ATen/ATen.h>

#include <map>
#include <span>
#include <string>
#include <utility>

#include "bertft/model/qa_model.h"
#include "weights/bert_config.h"

namespace bertft::model {

/// The CPU, computing so.
inline device::Device device_of(device::Precision precision) {
  device::Device device;
  device.precision = precision;
  return device;
}

/// A model, a BERT of 2 layers unless told otherwise, with random weights that live in memory. No tensor keeps a
/// neutral value (a bias of 0, a LayerNorm weight of 1), so that exchanging or forgetting one shows.
class TinyModel {
 public:
  TinyModel() : TinyModel({.vocabulary = 50, .hidden = 32, .layers = 2, .heads = 2, .inner = 64, .positions = 64}) {}
  explicit TinyModel(const weights::BertSize& size) : TinyModel(weights::bert_config(size)) {}
  explicit TinyModel(weights::EncoderConfig encoder) : config(std::move(encoder)) { fill(/*seed=*/1); }

  void fill(std::uint64_t seed) {
    at::manual_seed(seed);
    for (const auto& [name, shape] : weights::expected_tensors(config)) {
      values_[name] = 0.2 * at::randn(shape);
      if (name.ends_with("orm.weight")) values_[name] += 1;
    }
  }

  void remove_head() {
    values_.erase("qa_outputs.weight");
    values_.erase("qa_outputs.bias");
  }
  void replace(const std::string& name, const at::Tensor& value) { values_[name] = value.contiguous(); }
  const at::Tensor& value(const std::string& name) const { return values_.at(name); }

  /// Valid until the weights change.
  weights::ModelWeights checkpoint() const {
    weights::ModelWeights result;
    for (const auto& [name, value] : values_) {
      const std::span bytes(static_cast<const std::byte*>(value.const_data_ptr()), value.nbytes());
      result.tensors[name] = {weights::DType::kF32, value.sizes().vec(), bytes};
    }
    return result;
  }

  QaModel make(const device::Device& device = {}, const ModelOptions& options = {}) const {
    return {config, checkpoint(), options, device, /*seed=*/42};
  }

  weights::EncoderConfig config;

 private:
  std::map<std::string, at::Tensor> values_;
};

/// Gradients of all parameters by name, taken out of the model.
inline std::map<std::string, at::Tensor> take_gradients(const QaModel& model) {
  std::map<std::string, at::Tensor> result;
  for (const auto& [name, value] : model.parameters()) {
    result[name] = value.grad().clone();
    at::Tensor parameter = value;
    parameter.mutable_grad().reset();
  }
  return result;
}

}  // namespace bertft::model
