#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "bertft/weights/safetensors.h"

namespace bertft::weights {

/// config.json of an encoder, checked (PARITY §3.1). Names follow it; a key that is absent
/// has the default of transformers' BertConfig.
struct EncoderConfig {
  std::string model_type;
  std::int64_t vocab_size, hidden_size, num_hidden_layers, num_attention_heads, intermediate_size;
  std::int64_t max_position_embeddings, type_vocab_size, pad_token_id;
  enum class Activation { kGelu, kGeluNew, kRelu } hidden_act;
  double hidden_dropout_prob, attention_probs_dropout_prob, layer_norm_eps, initializer_range;
  std::string json;  // the file as read, so that unknown keys survive into what we write
};

/// throws InputError (directory or file missing), DataError (not such a file, a value of the
///        wrong type or out of range), ConfigError (model_type, position_embedding_type,
///        activation or a decoder that we do not support)
EncoderConfig read_encoder_config(const std::string& directory);

/// The config.json we write: the base's keys in their order, unknown ones too, with
/// `architectures`, `model_type` and `dtype` (or `torch_dtype`, where the base has it) set
/// (PARITY §3.1). Labels for another number of outputs than our two are left out, since
/// transformers would give its head their number.
std::string question_answering_config_json(const EncoderConfig& config);

/// The tensors of a model directory under BertForQuestionAnswering's names: one file or
/// shards, gamma/beta renamed, a missing "bert." added, other heads set aside.
struct Checkpoint {
  std::vector<SafetensorsFile> files;         // keep the views alive
  std::map<std::string, TensorView> tensors;  // expected names only; F64, F32, F16 or BF16
  std::vector<std::string> missing;           // expected and absent: at most the qa head
  std::vector<std::string> ignored;           // present and not ours, in file order of names

  /// One calm line: "loaded 197/199 tensors; qa_outputs.{weight,bias} newly initialised
  /// (expected for a base model); ignored: cls.* (7), bert.pooler.* (2)".
  std::string summary() const;
};

/// Whether a checkpoint without a question-answering head will do.
enum class Head { kMayBeMissing, kRequired };

/// Maps and checks the weights of `directory` against `config`: model.safetensors, else the
/// shards that model.safetensors.index.json lists.
///
/// throws InputError when there are no weights or a shard is missing; WeightsError listing
///        (the first three and a count of) tensors that are missing, foreign to a model of
///        this configuration, of another shape, of a dtype that is not floating point, or
///        not finite; also for an index that is malformed and for weights in other formats
Checkpoint read_checkpoint(const std::string& directory, const EncoderConfig& config, Head head);

/// Every tensor name of BertForQuestionAnswering with its shape, in model order.
std::vector<std::pair<std::string, std::vector<std::int64_t>>> expected_tensors(const EncoderConfig& config);

/// Names of the tokenizer files that `directory` holds, to be copied byte for byte.
std::vector<std::string> tokenizer_files(const std::string& directory);

}  // namespace bertft::weights
