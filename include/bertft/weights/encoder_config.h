#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "bertft/util/json.h"

namespace bertft::weights {

/// config.json of an encoder of any family that we know, checked. Members have the names of BERT's keys; a key that is
/// absent has transformers' default for its family.
struct EncoderConfig {
  std::string model_type;
  std::int64_t vocab_size, hidden_size, num_hidden_layers, num_attention_heads, intermediate_size;
  std::int64_t embedding_size;  // width of the tables
  std::int64_t max_position_embeddings, pad_token_id;
  std::int64_t type_vocab_size;  // 0: the family has no token types
  bool positions_skip_padding;   // counted from pad_token_id + 1 on, without tokens that have that id (RoBERTa)

  /// Layers that share their weights (ALBERT: Lan et al. 2020, §3.1). num_hidden_layers is
  /// then the number of times that a group runs.
  struct Sharing {
    std::int64_t num_groups, layers_per_group;
  };
  std::optional<Sharing> sharing;

  enum class Activation { kGelu, kGeluNew, kRelu } hidden_act;

  /// Probabilities to drop an element, 0 where the family drops nothing.
  struct DropoutRates {
    double embeddings, attention_probs, attention_output, output, head;
  } dropout;
  double layer_norm_eps, initializer_range;
  std::string json;  // the file as read, so that unknown keys survive into what we write

  /// No part of the file: rows of the words' table that are kept beside a model of vocab_size others (TrainedRows).
  std::int64_t num_rows_aside = 0;

  /// In tokens.
  std::int64_t longest_sequence() const {
    return max_position_embeddings - (positions_skip_padding ? pad_token_id + 1 : 0);
  }
};

/// throws InputError (directory or file missing), DataError (not such a file, a value of the
///        wrong type or out of range), ConfigError (model_type, position_embedding_type,
///        activation or a decoder that we do not support)
EncoderConfig read_encoder_config(const std::string& directory);

/// The longest sequence, in tokens, that the model takes whose config.json is `json`; of any family, none where the
/// file does not say. `name` is the file's, for messages. throws DataError for a value of the wrong type
std::optional<std::int64_t> longest_sequence(const Json& json, const std::string& name);

/// The config.json we write: the base's keys in their order, unknown ones too, with `architectures`, `model_type` and
/// `dtype` (or `torch_dtype`, where the base has it) set. Labels for another number of outputs than our two are left
/// out, since transformers would give its head their number; so is what says how other weights are packed or whose code
/// they need.
std::string question_answering_config_json(const EncoderConfig& config);

/// The tensors of one layer by what they do; each is a ".weight" and a ".bias".
struct LayerTensors {
  std::string query, key, value, attention_output, attention_norm;
  std::string intermediate, output, output_norm;
};

/// Where the family's question-answering class of transformers keeps each part, without the
/// ".weight" (and ".bias") at its end.
struct EncoderTensors {
  std::string word_embeddings, position_embeddings;
  std::optional<std::string> token_type_embeddings;
  std::string embedding_norm;
  std::optional<std::string> embedding_projection;  // [hidden_size, embedding_size]
  std::vector<LayerTensors> layers;                 // those with weights of their own
  std::vector<std::size_t> order;                   // of `layers`, from the first that runs to the last
  std::string head;                                 // [2, hidden_size]
};
EncoderTensors encoder_tensors(const EncoderConfig& config);

/// Every tensor of that class with its shape, in model order.
std::vector<std::pair<std::string, std::vector<std::int64_t>>> expected_tensors(const EncoderConfig& config);

}  // namespace bertft::weights
