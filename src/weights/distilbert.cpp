// DistilBERT (Sanh et al. 2019): BERT without token types, under keys and names of its own.

#include <fmt/format.h>

#include "weights/family.h"

namespace bertft::weights {
namespace {

void read_distilbert(const ConfigReader& reader, EncoderConfig& config) {
  config.vocab_size = reader.size("vocab_size", 30522, ConfigReader::kMaxRows);
  config.hidden_size = config.embedding_size = reader.size("dim", "hidden_size", 768, ConfigReader::kMaxWidth);
  config.num_hidden_layers = reader.size("n_layers", "num_hidden_layers", 6, ConfigReader::kMaxLayers);
  config.num_attention_heads = reader.size("n_heads", "num_attention_heads", 12, ConfigReader::kMaxWidth);
  reader.check_heads("dim", config.hidden_size, "n_heads", config.num_attention_heads);
  config.intermediate_size = reader.size("hidden_dim", 3072, ConfigReader::kMaxWidth);
  config.max_position_embeddings = reader.size("max_position_embeddings", 512, ConfigReader::kMaxRows);
  config.type_vocab_size = 0;
  config.pad_token_id = reader.index("pad_token_id", 0, config.vocab_size);
  config.hidden_act = reader.activation("activation", "gelu");
  const double dropout = reader.probability_below_one("dropout", 0.1);
  config.dropout = {.embeddings = dropout,
                    .attention_probs = reader.probability_below_one("attention_dropout", 0.1),
                    .attention_output = 0,
                    .output = dropout,
                    .head = reader.probability_below_one("qa_dropout", 0.1)};
  config.layer_norm_eps = 1e-12;  // no key
  config.initializer_range = reader.positive("initializer_range", 0.02);
}

EncoderTensors distilbert_tensors(const EncoderConfig& config) {
  EncoderTensors tensors = tensors_around_layers(kDistilBert.prefix());
  tensors.token_type_embeddings.reset();
  for (std::int64_t i = 0; i < config.num_hidden_layers; ++i) {
    const std::string layer = fmt::format("{}transformer.layer.{}.", kDistilBert.prefix(), i);
    tensors.layers.push_back({.query = layer + "attention.q_lin",
                              .key = layer + "attention.k_lin",
                              .value = layer + "attention.v_lin",
                              .attention_output = layer + "attention.out_lin",
                              .attention_norm = layer + "sa_layer_norm",
                              .intermediate = layer + "ffn.lin1",
                              .output = layer + "ffn.lin2",
                              .output_norm = layer + "output_layer_norm"});
  }
  tensors.order = one_after_the_other(config.num_hidden_layers);
  return tensors;
}

}  // namespace

constexpr Family kDistilBert{"distilbert", "distilbert", "DistilBert", read_distilbert, distilbert_tensors};

}  // namespace bertft::weights
