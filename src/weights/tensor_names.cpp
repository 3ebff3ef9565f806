#include "weights/tensor_names.h"

#include <algorithm>
#include <array>
#include <utility>

namespace bertft::weights {
namespace {

using Shape = std::vector<std::int64_t>;
using NamedShapes = std::vector<std::pair<std::string, Shape>>;

// The parts of an encoder in any family.
constexpr std::array<std::string_view, 5> kParts{"embeddings.", "embeddings_project.", "encoder.", "transformer.",
                                                 "pooler."};

void add_weight_and_bias(NamedShapes& names, const std::string& layer, Shape weight) {
  const std::int64_t rows = weight.front();
  names.emplace_back(layer + ".weight", std::move(weight));
  names.emplace_back(layer + ".bias", Shape{rows});
}

std::string_view without_prefix(std::string_view name, const Family& family) {
  const std::string prefix = family.prefix();
  return name.starts_with(prefix) ? name.substr(prefix.size()) : std::string_view();
}

bool is_part(std::string_view name) {
  return std::ranges::any_of(kParts, [&](std::string_view part) { return name.starts_with(part); });
}

}  // namespace

std::vector<std::pair<std::string, Shape>> expected_tensors(const EncoderConfig& config) {
  const EncoderTensors tensors = encoder_tensors(config);
  const std::int64_t hidden = config.hidden_size, inner = config.intermediate_size, narrow = config.embedding_size;
  NamedShapes names;
  const auto add_table = [&](const std::string& table, std::int64_t rows) {
    names.emplace_back(table + ".weight", Shape{rows, narrow});
  };
  add_table(tensors.word_embeddings, config.vocab_size);
  add_table(tensors.position_embeddings, config.max_position_embeddings);
  if (tensors.token_type_embeddings) add_table(*tensors.token_type_embeddings, config.type_vocab_size);
  add_weight_and_bias(names, tensors.embedding_norm, {narrow});
  if (tensors.embedding_projection) add_weight_and_bias(names, *tensors.embedding_projection, {hidden, narrow});
  for (const LayerTensors& layer : tensors.layers) {
    add_weight_and_bias(names, layer.query, {hidden, hidden});
    add_weight_and_bias(names, layer.key, {hidden, hidden});
    add_weight_and_bias(names, layer.value, {hidden, hidden});
    add_weight_and_bias(names, layer.attention_output, {hidden, hidden});
    add_weight_and_bias(names, layer.attention_norm, {hidden});
    add_weight_and_bias(names, layer.intermediate, {inner, hidden});
    add_weight_and_bias(names, layer.output, {hidden, inner});
    add_weight_and_bias(names, layer.output_norm, {hidden});
  }
  add_weight_and_bias(names, tensors.head, {2, hidden});
  return names;
}

std::string canonical_name(std::string_view name, const Family& family) {
  std::string canonical = is_part(name) ? family.prefix() + std::string(name) : std::string(name);
  constexpr std::array<std::pair<std::string_view, std::string_view>, 2> kOldNames{
      {{"LayerNorm.gamma", "LayerNorm.weight"}, {"LayerNorm.beta", "LayerNorm.bias"}}};
  for (const auto& [old_name, new_name] : kOldNames) {
    if (name.ends_with(old_name)) canonical.replace(canonical.size() - old_name.size(), old_name.size(), new_name);
  }
  return canonical;
}

bool is_body(std::string_view name, const Family& family) {
  const std::string_view part = without_prefix(name, family);
  const bool is_ignored =
      part.starts_with("pooler.") || part == "embeddings.position_ids" || part == "embeddings.token_type_ids";
  return is_part(part) && !is_ignored;
}

}  // namespace bertft::weights
