#pragma once

#include <algorithm>
#include <array>
#include <string>

#include "weights/bert_config.h"

namespace bertft::weights {

/// A small configuration of each family, of the size that bert_config() takes.
inline EncoderConfig electra_config(const BertSize& size) {
  EncoderConfig config = bert_config(size);
  config.model_type = "electra";
  config.embedding_size = size.hidden / 2;
  return config;
}

inline EncoderConfig distilbert_config(const BertSize& size) {
  EncoderConfig config = bert_config(size);
  config.model_type = "distilbert";
  config.type_vocab_size = 0;
  config.dropout.attention_output = 0;
  config.dropout.head = 0.1;
  return config;
}

inline EncoderConfig albert_config(const BertSize& size) {
  EncoderConfig config = bert_config(size);
  config.model_type = "albert";
  config.embedding_size = size.hidden / 4;
  config.sharing = {.num_groups = 1, .layers_per_group = 1};
  config.hidden_act = EncoderConfig::Activation::kGeluNew;
  config.dropout.output = 0;
  return config;
}

inline EncoderConfig roberta_config(const BertSize& size) {
  EncoderConfig config = bert_config(size);
  config.model_type = "roberta";
  config.type_vocab_size = 1;
  config.pad_token_id = 1;
  config.positions_skip_padding = true;
  config.max_position_embeddings += 2;
  return config;
}

inline EncoderConfig xlm_roberta_config(const BertSize& size) {
  EncoderConfig config = roberta_config(size);
  config.model_type = "xlm-roberta";
  return config;
}

using ConfigOfSize = EncoderConfig (*)(const BertSize&);
constexpr std::array<ConfigOfSize, 6> kFamilyConfigs{albert_config,  bert_config,    distilbert_config,
                                                     electra_config, roberta_config, xlm_roberta_config};

/// A model_type as part of a test's name, which has no dashes.
inline std::string test_name(std::string model_type) {
  std::ranges::replace(model_type, '-', '_');
  return model_type;
}

}  // namespace bertft::weights
