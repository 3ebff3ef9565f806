// BERT (Devlin et al. 2019), ELECTRA (Clark et al. 2020), whose encoder is BERT's but for the name and for tables that
// may be narrower than the layers, and RoBERTa (Liu et al. 2019), whose encoder is BERT's but for the name and for
// where positions begin; it has one token type. XLM-RoBERTa (Conneau et al. 2020) is RoBERTa's encoder under its names.

#include <fmt/format.h>

#include "bertft/util/error.h"
#include "weights/family.h"

namespace bertft::weights {
namespace {

LayerTensors layer_tensors(const std::string& layer) {
  return {.query = layer + "attention.self.query",
          .key = layer + "attention.self.key",
          .value = layer + "attention.self.value",
          .attention_output = layer + "attention.output.dense",
          .attention_norm = layer + "attention.output.LayerNorm",
          .intermediate = layer + "intermediate.dense",
          .output = layer + "output.dense",
          .output_norm = layer + "output.LayerNorm"};
}

EncoderTensors tensors_with_prefix(const std::string& prefix, const EncoderConfig& config) {
  EncoderTensors tensors = tensors_around_layers(prefix);
  for (std::int64_t i = 0; i < config.num_hidden_layers; ++i) {
    tensors.layers.push_back(layer_tensors(fmt::format("{}encoder.layer.{}.", prefix, i)));
  }
  tensors.order = one_after_the_other(config.num_hidden_layers);
  return tensors;
}

void read_bert(const ConfigReader& reader, EncoderConfig& config) {
  read_bert_keys(reader, {}, config);
}

EncoderTensors bert_tensors(const EncoderConfig& config) {
  return tensors_with_prefix(kBert.prefix(), config);
}

void read_electra(const ConfigReader& reader, EncoderConfig& config) {
  read_bert_keys(reader, {.hidden_size = 256, .num_attention_heads = 4, .intermediate_size = 1024}, config);
  config.embedding_size = reader.size("embedding_size", 128, ConfigReader::kMaxWidth);
}

EncoderTensors electra_tensors(const EncoderConfig& config) {
  EncoderTensors tensors = tensors_with_prefix(kElectra.prefix(), config);
  if (config.embedding_size != config.hidden_size)
    tensors.embedding_projection = kElectra.prefix() + "embeddings_project";
  return tensors;
}

constexpr std::int64_t kRobertaPadding = 1;  // its pad_token_id where config.json has none

void read_roberta_keys(const ConfigReader& reader, std::int64_t vocab_size, EncoderConfig& config) {
  read_bert_keys(reader, {.vocab_size = vocab_size, .pad_token_id = kRobertaPadding, .least_token_types = 1}, config);
  read_padding_before_positions(reader, config);
}

void read_roberta(const ConfigReader& reader, EncoderConfig& config) {
  read_roberta_keys(reader, 50265, config);
}

void read_xlm_roberta(const ConfigReader& reader, EncoderConfig& config) {
  read_roberta_keys(reader, 30522, config);
}

EncoderTensors roberta_tensors(const EncoderConfig& config) {
  return tensors_with_prefix(kRoberta.prefix(), config);
}

}  // namespace

void read_padding_before_positions(const ConfigReader& reader, EncoderConfig& config) {
  config.positions_skip_padding = true;
  config.pad_token_id = reader.index("pad_token_id", kRobertaPadding, ConfigReader::kMaxRows);
  if (config.longest_sequence() > 0) return;
  throw DataError(
      fmt::format("{}: max_position_embeddings is {}; positions begin behind the one of pad_token_id, which is {}",
                  reader.name(), config.max_position_embeddings, config.pad_token_id));
}

constexpr Family kBert{"bert", "bert", "Bert", read_bert, bert_tensors};
constexpr Family kElectra{"electra", "electra", "Electra", read_electra, electra_tensors};
constexpr Family kRoberta{"roberta",
                          "roberta",
                          "Roberta",
                          read_roberta,
                          roberta_tensors,
                          /*positions_skip_padding=*/true};
constexpr Family kXlmRoberta{"xlm-roberta",
                             "roberta",
                             "XLMRoberta",
                             read_xlm_roberta,
                             roberta_tensors,
                             /*positions_skip_padding=*/true};

}  // namespace bertft::weights
