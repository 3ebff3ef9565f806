#pragma once

#include <torch/torch.h>

#include <optional>

#include "bertft/device/device.h"
#include "bertft/model/qa_model.h"
#include "model/attention.h"

namespace bertft::model {

/// What every layer of one forward pass is told.
struct ForwardContext {
  DeviceBatch batch;  // by value: a recomputed layer asks again in the backward pass
  const device::Device& device;
  std::optional<DropoutSeed> dropout;

  /// The site `site` of layer `layer`; inactive without dropout. Layer -1 is the embedding.
  DropoutSite dropout_site(double probability, std::int64_t layer, std::uint64_t site) const;
};

// The modules below carry the names of the reference's state dict. Their parameters are left
// uninitialised: a checkpoint always fills them.

struct DenseImpl : torch::nn::Module {
  DenseImpl(std::int64_t in, std::int64_t out);
  at::Tensor forward(const at::Tensor& x) { return at::linear(x, weight, bias); }
  at::Tensor weight, bias;
};
TORCH_MODULE(Dense);

struct NormImpl : torch::nn::Module {
  NormImpl(std::int64_t width, double epsilon);
  at::Tensor forward(const at::Tensor& x) { return at::layer_norm(x, {x.size(1)}, weight, bias, epsilon_); }
  at::Tensor weight, bias;

 private:
  double epsilon_;
};
TORCH_MODULE(Norm);

struct TableImpl : torch::nn::Module {
  TableImpl(std::int64_t rows, std::int64_t width);
  at::Tensor weight;
};
TORCH_MODULE(Table);

/// word + type + position, normalised, dropped. returns [T, H]
struct EmbeddingsImpl : torch::nn::Module {
  explicit EmbeddingsImpl(const weights::EncoderConfig& config);
  at::Tensor forward(const ForwardContext& context);

 private:
  std::int64_t pad_token_id_;
  double dropout_;
  Table word_embeddings, position_embeddings, token_type_embeddings;
  Norm norm_;
};
TORCH_MODULE(Embeddings);

/// One post-norm transformer layer (Devlin et al. 2019, §3). [T, H] -> [T, H]
///
/// The one signature that a fused layer has to meet to replace this one.
struct EncoderLayerImpl : torch::nn::Module {
  EncoderLayerImpl(const weights::EncoderConfig& config, std::int64_t index);
  at::Tensor forward(const at::Tensor& hidden, const ForwardContext& context);

 private:
  std::int64_t index_;
  AttentionShape shape_;
  double hidden_dropout_, attention_dropout_;
  weights::EncoderConfig::Activation activation_;
  Dense query_{nullptr}, key_{nullptr}, value_{nullptr}, attention_output_{nullptr};
  Norm attention_norm_{nullptr};
  Dense intermediate_{nullptr}, output_{nullptr};
  Norm output_norm_{nullptr};
};
TORCH_MODULE(EncoderLayer);

/// bert.* and qa_outputs.* as one tree.
struct BertForQaImpl : torch::nn::Module {
  BertForQaImpl(const weights::EncoderConfig& config, bool gradient_checkpointing);
  /// returns [T, 2] float32: start and end logits
  at::Tensor forward(const ForwardContext& context);

 private:
  bool gradient_checkpointing_;
  Embeddings embeddings_{nullptr};
  std::vector<EncoderLayer> layers_;
  Dense qa_outputs_{nullptr};
};
TORCH_MODULE(BertForQa);

}  // namespace bertft::model
