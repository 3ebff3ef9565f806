#pragma once

#include <ATen/ATen.h>

#include <map>
#include <span>
#include <string>

#include "bertft/model/qa_model.h"

namespace bertft::model {

/// A 2-layer BERT with random weights that live in memory. No tensor keeps a neutral value (a
/// bias of 0, a LayerNorm weight of 1), so that exchanging or forgetting one shows.
class TinyBert {
 public:
  TinyBert() {
    config.model_type = "bert";
    config.vocab_size = 50;
    config.hidden_size = 32;
    config.num_hidden_layers = 2;
    config.num_attention_heads = 2;
    config.intermediate_size = 64;
    config.max_position_embeddings = 64;
    config.type_vocab_size = 2;
    config.pad_token_id = 0;
    config.hidden_act = weights::EncoderConfig::Activation::kGelu;
    config.hidden_dropout_prob = config.attention_probs_dropout_prob = 0.1;
    config.layer_norm_eps = 1e-12;
    config.initializer_range = 0.02;
    fill(/*seed=*/1);
  }

  void fill(std::uint64_t seed) {
    at::manual_seed(seed);
    for (const auto& [name, shape] : weights::expected_tensors(config)) {
      values_[name] = 0.2 * at::randn(shape);
      if (name.ends_with("LayerNorm.weight")) values_[name] += 1;
    }
  }

  void remove_head() {
    values_.erase("qa_outputs.weight");
    values_.erase("qa_outputs.bias");
  }
  void replace(const std::string& name, const at::Tensor& value) { values_[name] = value.contiguous(); }
  const at::Tensor& value(const std::string& name) const { return values_.at(name); }

  /// Valid until the weights change.
  weights::Checkpoint checkpoint() const {
    weights::Checkpoint result;
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
