// ALBERT (Lan et al. 2020): narrow tables with a projection (§3.1, "factorized embedding
// parameterization"), and layers that share their weights.

#include <fmt/format.h>

#include "weights/family.h"

namespace bertft::weights {
namespace {

void read_albert(const ConfigReader& reader, EncoderConfig& config) {
  read_bert_keys(reader,
                 {.vocab_size = 30000,
                  .hidden_size = 4096,
                  .num_attention_heads = 64,
                  .intermediate_size = 16384,
                  .hidden_act = "gelu_new",
                  .dropout = 0},
                 config);
  config.embedding_size = reader.size("embedding_size", 128, ConfigReader::kMaxWidth);
  config.dropout.output = 0;
  config.sharing = {
      .num_groups = reader.size("num_hidden_groups", 1, config.num_hidden_layers),
      .layers_per_group = reader.size("inner_group_num", 1, ConfigReader::kMaxLayers / config.num_hidden_layers)};
}

EncoderTensors albert_tensors(const EncoderConfig& config) {
  EncoderTensors tensors = tensors_around_layers(kAlbert.prefix());
  tensors.embedding_projection = kAlbert.prefix() + "encoder.embedding_hidden_mapping_in";
  const auto [num_groups, layers_per_group] = config.sharing.value();
  for (std::int64_t group = 0; group < num_groups; ++group) {
    for (std::int64_t i = 0; i < layers_per_group; ++i) {
      const std::string layer =
          fmt::format("{}encoder.albert_layer_groups.{}.albert_layers.{}.", kAlbert.prefix(), group, i);
      tensors.layers.push_back({.query = layer + "attention.query",
                                .key = layer + "attention.key",
                                .value = layer + "attention.value",
                                .attention_output = layer + "attention.dense",
                                .attention_norm = layer + "attention.LayerNorm",
                                .intermediate = layer + "ffn",
                                .output = layer + "ffn_output",
                                .output_norm = layer + "full_layer_layer_norm"});
    }
  }
  for (std::int64_t run = 0; run < config.num_hidden_layers; ++run) {
    // Transformers' own arithmetic, in double: int(run / (num_hidden_layers / num_hidden_groups)).
    const double runs_per_group = static_cast<double>(config.num_hidden_layers) / static_cast<double>(num_groups);
    const auto group = static_cast<std::size_t>(static_cast<double>(run) / runs_per_group);
    for (std::size_t i = 0; i < static_cast<std::size_t>(layers_per_group); ++i) {
      tensors.order.push_back(group * static_cast<std::size_t>(layers_per_group) + i);
    }
  }
  return tensors;
}

}  // namespace

constexpr Family kAlbert{"albert", "albert", "Albert", read_albert, albert_tensors};

}  // namespace bertft::weights
