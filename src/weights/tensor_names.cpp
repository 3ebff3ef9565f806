#include "weights/tensor_names.h"

#include <fmt/format.h>

#include <array>
#include <utility>

#include "bertft/weights/model_directory.h"

namespace bertft::weights {
namespace {

using Shape = std::vector<std::int64_t>;
using NamedShapes = std::vector<std::pair<std::string, Shape>>;

void add_weight_and_bias(NamedShapes& names, const std::string& layer, Shape weight) {
  const std::int64_t rows = weight.front();
  names.emplace_back(layer + ".weight", std::move(weight));
  names.emplace_back(layer + ".bias", Shape{rows});
}

}  // namespace

std::vector<std::pair<std::string, Shape>> expected_tensors(const EncoderConfig& config) {
  const std::int64_t hidden = config.hidden_size, inner = config.intermediate_size;
  NamedShapes names{
      {"bert.embeddings.word_embeddings.weight", {config.vocab_size, hidden}},
      {"bert.embeddings.position_embeddings.weight", {config.max_position_embeddings, hidden}},
      {"bert.embeddings.token_type_embeddings.weight", {config.type_vocab_size, hidden}},
  };
  add_weight_and_bias(names, "bert.embeddings.LayerNorm", {hidden});
  for (std::int64_t i = 0; i < config.num_hidden_layers; ++i) {
    const std::string layer = fmt::format("bert.encoder.layer.{}.", i);
    add_weight_and_bias(names, layer + "attention.self.query", {hidden, hidden});
    add_weight_and_bias(names, layer + "attention.self.key", {hidden, hidden});
    add_weight_and_bias(names, layer + "attention.self.value", {hidden, hidden});
    add_weight_and_bias(names, layer + "attention.output.dense", {hidden, hidden});
    add_weight_and_bias(names, layer + "attention.output.LayerNorm", {hidden});
    add_weight_and_bias(names, layer + "intermediate.dense", {inner, hidden});
    add_weight_and_bias(names, layer + "output.dense", {hidden, inner});
    add_weight_and_bias(names, layer + "output.LayerNorm", {hidden});
  }
  add_weight_and_bias(names, "qa_outputs", {2, hidden});
  return names;
}

std::string canonical_name(std::string_view name) {
  std::string canonical(name);
  for (const std::string_view part : {"embeddings.", "encoder.", "pooler."}) {
    if (name.starts_with(part)) canonical.insert(0, "bert.");
  }
  constexpr std::array<std::pair<std::string_view, std::string_view>, 2> kOldNames{
      {{"LayerNorm.gamma", "LayerNorm.weight"}, {"LayerNorm.beta", "LayerNorm.bias"}}};
  for (const auto& [old_name, new_name] : kOldNames) {
    if (name.ends_with(old_name)) canonical.replace(canonical.size() - old_name.size(), old_name.size(), new_name);
  }
  return canonical;
}

bool is_ignored_part_of_body(std::string_view name) {
  return name.starts_with("bert.pooler.") || name == "bert.embeddings.position_ids" ||
         name == "bert.embeddings.token_type_ids";
}

bool is_body(std::string_view name) {
  return name.starts_with("bert.embeddings.") || name.starts_with("bert.encoder.");
}

}  // namespace bertft::weights
