#include "model/encoder.h"

#include <ATen/autocast_mode.h>

#include "model/recompute.h"

namespace bertft::model {
namespace {

// Sites of a layer, as keyed into the counter-based generator. Changing a number changes
// every run, so they are never reused.
enum Site : std::uint64_t { kEmbeddingSite = 0, kAttentionSite = 1, kAttentionOutputSite = 2, kOutputSite = 3 };

/// bfloat16 autocast for as long as it lives, where the device asks for it. Thread-local, so
/// a recomputed layer opens its own. The cache of cast weights stays off: it would outlive
/// an optimizer step.
class Autocast {
 public:
  explicit Autocast(const device::Device& device)
      : type_(device.torch_device.type()),
        was_enabled_(at::autocast::is_autocast_enabled(type_)),
        had_type_(at::autocast::get_autocast_dtype(type_)),
        had_cache_(at::autocast::is_autocast_cache_enabled()) {
    at::autocast::set_autocast_enabled(type_, device.bf16);
    at::autocast::set_autocast_dtype(type_, at::kBFloat16);
    at::autocast::set_autocast_cache_enabled(false);
  }
  ~Autocast() {
    at::autocast::set_autocast_enabled(type_, was_enabled_);
    at::autocast::set_autocast_dtype(type_, had_type_);
    at::autocast::set_autocast_cache_enabled(had_cache_);
  }
  Autocast(const Autocast&) = delete;
  Autocast& operator=(const Autocast&) = delete;

 private:
  at::DeviceType type_;
  bool was_enabled_;
  at::ScalarType had_type_;
  bool had_cache_;
};

at::Tensor activate(const at::Tensor& x, weights::EncoderConfig::Activation activation) {
  using Activation = weights::EncoderConfig::Activation;
  switch (activation) {
    case Activation::kGelu:
      return at::gelu(x, "none");
    case Activation::kGeluNew:
      return at::gelu(x, "tanh");
    case Activation::kRelu:
      return at::relu(x);
  }
  return x;
}

torch::nn::Module& child(torch::nn::Module& parent, std::string name) {
  return *parent.register_module(std::move(name), std::make_shared<torch::nn::Module>());
}

}  // namespace

DropoutSite ForwardContext::dropout_site(double probability, std::int64_t layer, std::uint64_t site) const {
  if (!dropout) return {};
  std::uint64_t key = device::fold(device::mix(dropout->seed), dropout->step);
  key = device::fold(key, static_cast<std::uint64_t>(layer + 1));
  return {device::dropout_rate(probability), device::fold(key, site)};
}

DenseImpl::DenseImpl(std::int64_t in, std::int64_t out)
    : weight(register_parameter("weight", at::empty({out, in}))), bias(register_parameter("bias", at::empty({out}))) {}

NormImpl::NormImpl(std::int64_t width, double epsilon)
    : weight(register_parameter("weight", at::empty({width}))),
      bias(register_parameter("bias", at::empty({width}))),
      epsilon_(epsilon) {}

TableImpl::TableImpl(std::int64_t rows, std::int64_t width)
    : weight(register_parameter("weight", at::empty({rows, width}))) {}

EmbeddingsImpl::EmbeddingsImpl(const weights::EncoderConfig& config)
    : pad_token_id_(config.pad_token_id),
      dropout_(config.hidden_dropout_prob),
      word_embeddings(register_module("word_embeddings", Table(config.vocab_size, config.hidden_size))),
      position_embeddings(
          register_module("position_embeddings", Table(config.max_position_embeddings, config.hidden_size))),
      token_type_embeddings(
          register_module("token_type_embeddings", Table(config.type_vocab_size, config.hidden_size))),
      norm_(register_module("LayerNorm", Norm(config.hidden_size, config.layer_norm_eps))) {}

at::Tensor EmbeddingsImpl::forward(const ForwardContext& context) {
  const DeviceBatch& batch = context.batch;
  // The padding row gets no gradient, as in the reference (PARITY P3).
  const at::Tensor words = at::embedding(word_embeddings->weight, batch.ids, pad_token_id_);
  const at::Tensor types = at::embedding(token_type_embeddings->weight, batch.type_ids);
  const at::Tensor positions = at::embedding(position_embeddings->weight, batch.positions);
  const at::Tensor sum = words + types + positions;
  return dropout_add(norm_->forward(sum), {}, context.dropout_site(dropout_, -1, kEmbeddingSite), batch);
}

EncoderLayerImpl::EncoderLayerImpl(const weights::EncoderConfig& config, std::int64_t index)
    : index_(index),
      shape_{config.num_attention_heads, config.max_position_embeddings},
      hidden_dropout_(config.hidden_dropout_prob),
      attention_dropout_(config.attention_probs_dropout_prob),
      activation_(config.hidden_act) {
  const std::int64_t width = config.hidden_size;
  torch::nn::Module& attention = child(*this, "attention");
  torch::nn::Module& self = child(attention, "self");
  query_ = self.register_module("query", Dense(width, width));
  key_ = self.register_module("key", Dense(width, width));
  value_ = self.register_module("value", Dense(width, width));
  torch::nn::Module& attention_output = child(attention, "output");
  attention_output_ = attention_output.register_module("dense", Dense(width, width));
  attention_norm_ = attention_output.register_module("LayerNorm", Norm(width, config.layer_norm_eps));
  intermediate_ = child(*this, "intermediate").register_module("dense", Dense(width, config.intermediate_size));
  torch::nn::Module& output = child(*this, "output");
  output_ = output.register_module("dense", Dense(config.intermediate_size, width));
  output_norm_ = output.register_module("LayerNorm", Norm(width, config.layer_norm_eps));
}

at::Tensor EncoderLayerImpl::forward(const at::Tensor& hidden, const ForwardContext& context) {
  const Autocast autocast(context.device);
  const DeviceBatch& batch = context.batch;
  const at::Tensor mixed =
      attention(query_->forward(hidden), key_->forward(hidden), value_->forward(hidden), shape_,
                context.dropout_site(attention_dropout_, index_, kAttentionSite), batch, context.device);
  const at::Tensor attended =
      attention_norm_->forward(dropout_add(attention_output_->forward(mixed), hidden,
                                           context.dropout_site(hidden_dropout_, index_, kAttentionOutputSite), batch));
  const at::Tensor inner = activate(intermediate_->forward(attended), activation_);
  return output_norm_->forward(dropout_add(output_->forward(inner), attended,
                                           context.dropout_site(hidden_dropout_, index_, kOutputSite), batch));
}

BertForQaImpl::BertForQaImpl(const weights::EncoderConfig& config, bool gradient_checkpointing)
    : gradient_checkpointing_(gradient_checkpointing) {
  torch::nn::Module& bert = child(*this, "bert");
  embeddings_ = bert.register_module("embeddings", Embeddings(config));
  torch::nn::Module& stack = child(child(bert, "encoder"), "layer");
  for (std::int64_t i = 0; i < config.num_hidden_layers; ++i) {
    layers_.push_back(stack.register_module(std::to_string(i), EncoderLayer(config, i)));
  }
  qa_outputs_ = register_module("qa_outputs", Dense(config.hidden_size, 2));
}

at::Tensor BertForQaImpl::forward(const ForwardContext& context) {
  at::Tensor hidden = embeddings_->forward(context);
  for (EncoderLayer& layer : layers_) {
    if (gradient_checkpointing_ && at::GradMode::is_enabled()) {
      const auto block = [layer, context](const at::Tensor& x) mutable { return layer->forward(x, context); };
      hidden = recomputed(block, hidden);
    } else {
      hidden = layer->forward(hidden, context);
    }
  }
  const Autocast autocast(context.device);
  return qa_outputs_->forward(hidden).to(at::kFloat);
}

}  // namespace bertft::model
