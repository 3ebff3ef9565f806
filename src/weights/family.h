#pragma once

#include <span>
#include <string>
#include <string_view>

#include "bertft/weights/encoder_config.h"
#include "weights/config_reader.h"

namespace bertft::weights {

/// What a `model_type` of config.json means: its keys, and the names of its tensors. Each
/// stands in a file of its own; docs/adding-an-encoder.md says how to add one.
struct Family {
  std::string_view model_type;
  std::string_view body;                                            // where the encoder's tensors are: "bert"
  std::string_view class_prefix;                                    // of transformers' classes: "Bert"
  void (*read)(const ConfigReader& reader, EncoderConfig& config);  // all but model_type and json
  EncoderTensors (*tensors)(const EncoderConfig& config);
  bool positions_skip_padding = false;  // counted from behind the padding on, as in RoBERTa's encoder

  std::string prefix() const { return std::string(body) + "."; }
  std::string architecture() const { return std::string(class_prefix) + "ForQuestionAnswering"; }
};

extern const Family kAlbert, kBert, kDistilBert, kElectra, kRoberta, kXlmRoberta;

/// All of them, by model_type.
std::span<const Family* const> families();
/// Null when there is none of that name.
const Family* find_family(std::string_view model_type);
/// Of a configuration that was read.
const Family& family_of(const EncoderConfig& config);

// What the families have in common.

/// Defaults of the keys that all but DistilBERT share.
struct BertDefaults {
  std::int64_t vocab_size = 30522, hidden_size = 768, num_hidden_layers = 12, num_attention_heads = 12;
  std::int64_t intermediate_size = 3072;
  std::int64_t pad_token_id = 0, least_token_types = 2;
  std::string_view hidden_act = "gelu";
  double dropout = 0.1;
};
/// Reads those keys; embedding_size becomes hidden_size.
void read_bert_keys(const ConfigReader& reader, const BertDefaults& defaults, EncoderConfig& config);

/// Reads the pad_token_id of a family whose positions skip padding, behind which its positions begin.
/// throws DataError when that leaves none of max_position_embeddings
void read_padding_before_positions(const ConfigReader& reader, EncoderConfig& config);

/// Embeddings and head under the names that all of them use; no layers and no projection.
EncoderTensors tensors_around_layers(const std::string& prefix);
/// 0 ... n - 1: every layer runs once, with weights of its own.
std::vector<std::size_t> one_after_the_other(std::int64_t n);

}  // namespace bertft::weights
