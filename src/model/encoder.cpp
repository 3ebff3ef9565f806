#include "model/encoder.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>

#include "model/lookup.h"
#include "model/recompute.h"

namespace bertft::model {
namespace {

/// Of products; what runs from layer to layer is fp32.
at::ScalarType product_type(const device::Device& device) {
  switch (device.precision) {
    case device::Precision::kFp32:
      return at::kFloat;
    case device::Precision::kBf16:
      return at::kBFloat16;
    case device::Precision::kFp16:
      return at::kHalf;
  }
  return at::kFloat;
}

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

// Registers `module` under a dotted name, so that its parameters are called as in the checkpoint.
template <class Module>
Module placed(torch::nn::Module& root, const std::string& name, Module module) {
  torch::nn::Module* parent = &root;
  std::string_view rest = name;
  for (std::size_t dot = rest.find('.'); dot != rest.npos; dot = rest.find('.')) {
    const std::string part(rest.substr(0, dot));
    const auto children = parent->named_children();
    parent = children.contains(part) ? children[part].get()
                                     : parent->register_module(part, std::make_shared<torch::nn::Module>()).get();
    rest.remove_prefix(dot + 1);
  }
  return parent->register_module(std::string(rest), std::move(module));
}

}  // namespace

DropoutSite ForwardContext::dropout_site(double probability, std::int64_t layer_idx, Site site) const {
  if (!dropout) return {};
  std::uint64_t key = device::fold(device::mix(dropout->seed), dropout->step);
  key = device::fold(key, static_cast<std::uint64_t>(layer_idx + 1));
  return {device::dropout_rate(probability), device::fold(key, static_cast<std::uint64_t>(site))};
}

LinearImpl::LinearImpl(std::int64_t in, std::int64_t out)
    : weight(register_parameter("weight", at::empty({out, in}))), bias(register_parameter("bias", at::empty({out}))) {}

LayerNormImpl::LayerNormImpl(std::int64_t width, double epsilon)
    : weight(register_parameter("weight", at::empty({width}))),
      bias(register_parameter("bias", at::empty({width}))),
      epsilon_(epsilon) {}

EmbeddingImpl::EmbeddingImpl(std::int64_t rows, std::int64_t width)
    : weight(register_parameter("weight", at::empty({rows, width}))) {}

Embeddings::Embeddings(torch::nn::Module& root, const weights::EncoderConfig& config,
                       const weights::EncoderTensors& names)
    : pad_token_id_(config.pad_token_id),
      positions_skip_padding_(config.positions_skip_padding),
      dropout_(config.dropout.embeddings),
      words_(placed(root, names.word_embeddings, Embedding(config.vocab_size, config.embedding_size))),
      positions_(
          placed(root, names.position_embeddings, Embedding(config.max_position_embeddings, config.embedding_size))),
      norm_(nullptr) {
  if (names.token_type_embeddings) {
    types_ = placed(root, *names.token_type_embeddings, Embedding(config.type_vocab_size, config.embedding_size));
  }
  norm_ = placed(root, names.embedding_norm, LayerNorm(config.embedding_size, config.layer_norm_eps));
  if (names.embedding_projection) {
    projection_ = placed(root, *names.embedding_projection, Linear(config.embedding_size, config.hidden_size));
  }
}

at::Tensor Embeddings::forward(const ForwardContext& context) const {
  const DeviceBatch& batch = context.batch;
  // The padding row gets no gradient, as in the reference.
  at::Tensor sum = lookup(words_->weight, batch.ids, pad_token_id_);
  if (types_) {
    const bool has_one = types_->weight.size(0) == 1;  // whatever the tokenizer tells apart
    sum = sum + at::embedding(types_->weight, has_one ? at::zeros_like(batch.type_ids) : batch.type_ids);
  }
  sum = sum + at::embedding(positions_->weight, positions_of(batch), positions_skip_padding_ ? pad_token_id_ : -1);
  const at::Tensor dropped =
      dropout_add(norm_->forward(sum), {}, context.dropout_site(dropout_, -1, Site::kEmbedding), batch);
  if (!projection_) return dropped;
  return projection_->forward(dropped, product_type(context.device)).to(at::kFloat);
}

// Where padding is skipped they are counted from the ids, as in transformers.
at::Tensor Embeddings::positions_of(const DeviceBatch& batch) const {
  if (!positions_skip_padding_) return batch.positions;
  const at::Tensor counts = batch.ids.ne(pad_token_id_);
  const at::Tensor before = at::constant_pad_nd(counts.cumsum(0), {1, 0});  // [T + 1], of all rows before a row
  const at::Tensor before_sequence = before.index_select(0, batch.cu_seqlens).index_select(0, batch.sequence_of_row);
  return (before.narrow(0, 1, counts.size(0)) - before_sequence) * counts + pad_token_id_;
}

EncoderLayer::EncoderLayer(torch::nn::Module& root, const weights::EncoderConfig& config,
                           const weights::LayerTensors& names)
    : num_heads_(config.num_attention_heads),
      dropout_(config.dropout),
      activation_(config.hidden_act),
      query_(placed(root, names.query, Linear(config.hidden_size, config.hidden_size))),
      key_(placed(root, names.key, Linear(config.hidden_size, config.hidden_size))),
      value_(placed(root, names.value, Linear(config.hidden_size, config.hidden_size))),
      attention_output_(placed(root, names.attention_output, Linear(config.hidden_size, config.hidden_size))),
      attention_norm_(placed(root, names.attention_norm, LayerNorm(config.hidden_size, config.layer_norm_eps))),
      intermediate_(placed(root, names.intermediate, Linear(config.hidden_size, config.intermediate_size))),
      output_(placed(root, names.output, Linear(config.intermediate_size, config.hidden_size))),
      output_norm_(placed(root, names.output_norm, LayerNorm(config.hidden_size, config.layer_norm_eps))) {}

// In half precision one product in place of three: there the weights are copied anyway, and the input's gradients are
// summed unrounded.
Qkv EncoderLayer::project(const at::Tensor& hidden, at::ScalarType type) const {
  if (type == at::kFloat) {
    return {query_->forward(hidden, type), key_->forward(hidden, type), value_->forward(hidden, type)};
  }
  const at::Tensor weights = at::cat({query_->weight, key_->weight, value_->weight});
  const at::Tensor biases = at::cat({query_->bias, key_->bias, value_->bias});
  const std::vector<at::Tensor> parts = linear(hidden, weights, biases, type).chunk(3, /*dim=*/1);
  return {parts[0], parts[1], parts[2]};
}

// Half copies of weights are made at each use, and go with the layer in its backward pass. To keep them for all
// micro-batches of a step would save two to four percent of it on a CPU, and take their room at its fullest moment.
at::Tensor EncoderLayer::forward(const at::Tensor& hidden, std::int64_t layer_idx,
                                 const ForwardContext& context) const {
  const DeviceBatch& batch = context.batch;
  const at::ScalarType type = product_type(context.device);
  const at::Tensor mixed =
      attention(project(hidden, type),
                {num_heads_, context.dropout_site(dropout_.attention_probs, layer_idx, Site::kAttention), batch,
                 /*has_flash=*/!context.device.is_before_ampere});
  const at::Tensor attended = attention_norm_->forward(
      dropout_add(attention_output_->forward(mixed, type), hidden,
                  context.dropout_site(dropout_.attention_output, layer_idx, Site::kAttentionOutput), batch));
  const at::Tensor inner = activate(intermediate_->forward(attended, type), activation_);
  return output_norm_->forward(dropout_add(output_->forward(inner, type), attended,
                                           context.dropout_site(dropout_.output, layer_idx, Site::kOutput), batch));
}

QaNetImpl::QaNetImpl(const weights::EncoderConfig& config, const weights::EncoderTensors& names,
                     bool gradient_checkpointing)
    : gradient_checkpointing_(gradient_checkpointing),
      head_dropout_(config.dropout.head),
      embeddings_(*this, config, names),
      order_(names.order),
      head_(nullptr) {
  for (const weights::LayerTensors& layer : names.layers) layers_.emplace_back(*this, config, layer);
  head_ = placed(*this, names.head, Linear(config.hidden_size, 2));
}

at::Tensor QaNetImpl::forward(const ForwardContext& context) const {
  at::Tensor hidden = embeddings_.forward(context);
  const auto num_layers = static_cast<std::int64_t>(order_.size());
  for (std::int64_t i = 0; i < num_layers; ++i) {
    const EncoderLayer& layer = layers_[order_[static_cast<std::size_t>(i)]];
    if (gradient_checkpointing_ && at::GradMode::is_enabled()) {
      const auto block = [layer, i, context](const at::Tensor& x) { return layer.forward(x, i, context); };
      hidden = recomputed(block, hidden);
    } else {
      hidden = layer.forward(hidden, i, context);
    }
  }
  hidden = dropout_add(hidden, {}, context.dropout_site(head_dropout_, num_layers, Site::kHead), context.batch);
  return head_->forward(hidden, product_type(context.device)).to(at::kFloat);
}

}  // namespace bertft::model
