#pragma once

#include <ATen/ops/layer_norm.h>
#include <torch/nn/module.h>
#include <torch/nn/pimpl.h>

#include <optional>
#include <vector>

#include "bertft/device/device.h"
#include "bertft/model/qa_model.h"
#include "model/attention.h"
#include "model/linear.h"

namespace bertft::model {

/// The places of dropout in a layer, as keyed into the counter-based generator. Changing a number changes every run, so
/// they are never reused.
enum class Site : std::uint64_t { kEmbedding = 0, kAttention = 1, kAttentionOutput = 2, kOutput = 3, kHead = 4 };

/// What every layer of one forward pass is told.
struct ForwardContext {
  // By value: a recomputed layer asks again in the backward pass, and may outlive the model.
  DeviceBatch batch;
  device::Device device;
  std::optional<DropoutSeed> dropout;

  /// The site `site` of a layer; inactive without dropout. Layer -1 is the embedding, one beyond the
  /// last the head.
  DropoutSite dropout_site(double probability, std::int64_t layer_idx, Site site) const;
};

// Parts of the network. Each registers its parameters in `root` under the family's names; they
// are left uninitialised, since a checkpoint always fills them.

struct LinearImpl : torch::nn::Module {
  LinearImpl(std::int64_t in, std::int64_t out);
  at::Tensor forward(const at::Tensor& x, at::ScalarType type) const { return linear(x, weight, bias, type); }
  at::Tensor weight, bias;
};
TORCH_MODULE(Linear);

struct LayerNormImpl : torch::nn::Module {
  LayerNormImpl(std::int64_t width, double epsilon);
  at::Tensor forward(const at::Tensor& x) const { return at::layer_norm(x, {x.size(1)}, weight, bias, epsilon_); }
  at::Tensor weight, bias;

 private:
  double epsilon_;
};
TORCH_MODULE(LayerNorm);

struct EmbeddingImpl : torch::nn::Module {
  EmbeddingImpl(std::int64_t rows, std::int64_t width);
  at::Tensor weight;
};
TORCH_MODULE(Embedding);

/// word + type + position, normalised, dropped, and as wide as a layer where the family's
/// tables are narrower. returns [T, H]
class Embeddings {
 public:
  Embeddings(torch::nn::Module& root, const weights::EncoderConfig& config, const weights::EncoderTensors& names);
  at::Tensor forward(const ForwardContext& context) const;

 private:
  at::Tensor positions_of(const DeviceBatch& batch) const;

  std::int64_t pad_token_id_;
  bool positions_skip_padding_;
  double dropout_;
  Embedding words_, positions_;
  Embedding types_{nullptr};  // where the family has token types
  LayerNorm norm_;
  Linear projection_{nullptr};  // where the family has one
};

/// One post-norm transformer layer (Devlin et al. 2019, §3). [T, H] -> [T, H]
///
/// The one signature that a fused layer has to meet to replace this one. Copies share their
/// weights.
class EncoderLayer {
 public:
  EncoderLayer(torch::nn::Module& root, const weights::EncoderConfig& config, const weights::LayerTensors& names);
  /// `layer_idx` counts the layers as they run, for the masks of dropout.
  at::Tensor forward(const at::Tensor& hidden, std::int64_t layer_idx, const ForwardContext& context) const;

 private:
  Qkv project(const at::Tensor& hidden, at::ScalarType type) const;

  std::int64_t num_heads_;
  weights::EncoderConfig::DropoutRates dropout_;
  weights::EncoderConfig::Activation activation_;
  Linear query_, key_, value_, attention_output_;
  LayerNorm attention_norm_;
  Linear intermediate_, output_;
  LayerNorm output_norm_;
};

/// An encoder of any family with its span head.
struct QaNetImpl : torch::nn::Module {
  QaNetImpl(const weights::EncoderConfig& config, const weights::EncoderTensors& names, bool gradient_checkpointing);
  /// returns [T, 2] float32: start and end logits
  at::Tensor forward(const ForwardContext& context) const;

 private:
  bool gradient_checkpointing_;
  double head_dropout_;
  Embeddings embeddings_;
  std::vector<EncoderLayer> layers_;
  std::vector<std::size_t> order_;  // of layers_, as they run
  Linear head_;
};
TORCH_MODULE(QaNet);

}  // namespace bertft::model
