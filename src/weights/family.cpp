#include "weights/family.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <numeric>

#include "bertft/util/error.h"

namespace bertft::weights {

std::span<const Family* const> families() {
  static constexpr std::array<const Family*, 6> kFamilies{&kAlbert,  &kBert,    &kDistilBert,
                                                          &kElectra, &kRoberta, &kXlmRoberta};
  return kFamilies;
}

const Family* find_family(std::string_view model_type) {
  const auto found = std::ranges::find(families(), model_type, &Family::model_type);
  return found == families().end() ? nullptr : *found;
}

const Family& family_of(const EncoderConfig& config) {
  if (const Family* family = find_family(config.model_type)) return *family;
  throw ConfigError(fmt::format("model_type '{}' is not supported", config.model_type));
}

EncoderTensors encoder_tensors(const EncoderConfig& config) {
  return family_of(config).tensors(config);
}

void read_bert_keys(const ConfigReader& reader, const BertDefaults& defaults, EncoderConfig& config) {
  config.vocab_size = reader.size("vocab_size", defaults.vocab_size, ConfigReader::kMaxRows);
  config.hidden_size = reader.size("hidden_size", defaults.hidden_size, ConfigReader::kMaxWidth);
  config.embedding_size = config.hidden_size;
  config.num_hidden_layers = reader.size("num_hidden_layers", defaults.num_hidden_layers, ConfigReader::kMaxLayers);
  config.num_attention_heads =
      reader.size("num_attention_heads", defaults.num_attention_heads, ConfigReader::kMaxWidth);
  reader.check_heads("hidden_size", config.hidden_size, "num_attention_heads", config.num_attention_heads);
  config.intermediate_size = reader.size("intermediate_size", defaults.intermediate_size, ConfigReader::kMaxWidth);
  config.max_position_embeddings = reader.size("max_position_embeddings", 512, ConfigReader::kMaxRows);
  config.type_vocab_size = reader.num_token_types(defaults.least_token_types);
  config.pad_token_id = reader.index("pad_token_id", defaults.pad_token_id, config.vocab_size);
  config.hidden_act = reader.activation("hidden_act", defaults.hidden_act);
  const double hidden = reader.probability_below_one("hidden_dropout_prob", defaults.dropout);
  config.dropout = {.embeddings = hidden,
                    .attention_probs = reader.probability_below_one("attention_probs_dropout_prob", defaults.dropout),
                    .attention_output = hidden,
                    .output = hidden,
                    .head = 0};
  config.layer_norm_eps = reader.positive("layer_norm_eps", 1e-12);
  config.initializer_range = reader.positive("initializer_range", 0.02);
}

EncoderTensors tensors_around_layers(const std::string& prefix) {
  return {.word_embeddings = prefix + "embeddings.word_embeddings",
          .position_embeddings = prefix + "embeddings.position_embeddings",
          .token_type_embeddings = prefix + "embeddings.token_type_embeddings",
          .embedding_norm = prefix + "embeddings.LayerNorm",
          .embedding_projection = {},
          .layers = {},
          .order = {},
          .head = "qa_outputs"};
}

std::vector<std::size_t> one_after_the_other(std::int64_t n) {
  std::vector<std::size_t> order(static_cast<std::size_t>(n));
  std::iota(order.begin(), order.end(), std::size_t{0});
  return order;
}

}  // namespace bertft::weights
