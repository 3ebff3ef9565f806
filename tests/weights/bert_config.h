#pragma once

#include "bertft/weights/model_directory.h"

namespace bertft::weights {

struct BertSize {
  std::int64_t vocabulary, hidden, layers, heads, inner, positions;
};
constexpr BertSize kBertBase{30522, 768, 12, 12, 3072, 512};

inline EncoderConfig bert_config(const BertSize& size) {
  EncoderConfig config{};
  config.model_type = "bert";
  config.vocab_size = size.vocabulary;
  config.hidden_size = config.embedding_size = size.hidden;
  config.num_hidden_layers = size.layers;
  config.num_attention_heads = size.heads;
  config.intermediate_size = size.inner;
  config.max_position_embeddings = size.positions;
  config.type_vocab_size = 2;
  config.pad_token_id = 0;
  config.hidden_act = EncoderConfig::Activation::kGelu;
  config.dropout = {.embeddings = 0.1, .attention_probs = 0.1, .attention_output = 0.1, .output = 0.1, .head = 0};
  config.layer_norm_eps = 1e-12;
  config.initializer_range = 0.02;
  return config;
}

}  // namespace bertft::weights
