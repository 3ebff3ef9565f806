#include "weights/config_reader.h"

#include <fmt/format.h>

#include <array>

#include "bertft/util/error.h"
#include "bertft/util/text.h"

namespace bertft::weights {
namespace {

using Activation = EncoderConfig::Activation;

// transformers' names for the three functions; the tanh forms differ in rounding only.
struct ActivationName {
  std::string_view name;
  Activation activation;
};
constexpr std::array<ActivationName, 8> kActivations{{{"gelu", Activation::kGelu},
                                                      {"gelu_python", Activation::kGelu},
                                                      {"gelu_new", Activation::kGeluNew},
                                                      {"gelu_pytorch_tanh", Activation::kGeluNew},
                                                      {"gelu_python_tanh", Activation::kGeluNew},
                                                      {"gelu_accurate", Activation::kGeluNew},
                                                      {"gelu_fast", Activation::kGeluNew},
                                                      {"relu", Activation::kRelu}}};

constexpr std::string_view kTakeAnother = "Take another model; README.md says which are supported.";

template <class Number>
[[noreturn]] void refuse_value(std::string_view name, const char* key, Number value, std::string_view expected) {
  throw DataError(fmt::format("{}: {} is {}; expected {}", name, key, value, expected));
}

}  // namespace

std::int64_t ConfigReader::size(const char* key, std::int64_t absent, std::int64_t max) const {
  return in_range(key, integer_member(json_, key, name_).value_or(absent), 1, max);
}

std::int64_t ConfigReader::size(const char* key, const char* alias, std::int64_t absent, std::int64_t max) const {
  const auto own = integer_member(json_, key, name_), other = integer_member(json_, alias, name_);
  if (own && other && *own != *other) {
    throw DataError(fmt::format(
        "{}: {} is {} and {} is {}, which is the same setting; keep the one that the weights were made with", name_,
        key, *own, alias, *other));
  }
  return own ? size(key, absent, max) : size(alias, absent, max);
}

std::int64_t ConfigReader::index(const char* key, std::int64_t absent, std::int64_t count) const {
  return in_range(key, integer_member(json_, key, name_).value_or(absent), 0, count - 1);
}

double ConfigReader::probability_below_one(const char* key, double absent) const {
  const double value = number_member(json_, key, name_).value_or(absent);
  if (!(value >= 0 && value < 1)) refuse_value(name_, key, value, "a number from 0 to below 1");
  return value;
}

double ConfigReader::positive(const char* key, double absent) const {
  const double value = number_member(json_, key, name_).value_or(absent);
  if (!(value > 0)) refuse_value(name_, key, value, "a positive number");
  return value;
}

std::string ConfigReader::text(const char* key, std::string_view absent) const {
  return string_member(json_, key, name_).value_or(std::string(absent));
}

Activation ConfigReader::activation(const char* key, std::string_view absent) const {
  const std::string name = text(key, absent);
  std::vector<std::string_view> names;
  for (const ActivationName& known : kActivations) {
    if (known.name == name) return known.activation;
    names.push_back(known.name);
  }
  throw ConfigError(fmt::format("{}: {} '{}' is not supported; supported: {}.\n{}", name_, key, printable(name),
                                fmt::join(names, ", "), kTakeAnother));
}

std::int64_t ConfigReader::num_token_types(std::int64_t least) const {
  const std::int64_t count = size("type_vocab_size", 2, kMaxRows);
  if (count >= least) return count;
  throw DataError(
      fmt::format("{}: type_vocab_size is {}; question and context need two token types.\n"
                  "This model was not made for pairs of texts.",
                  name_, count));
}

// transformers 5 ignores position_embedding_type without a word, so such a model would train
// on positions it was not made for.
void ConfigReader::check_encoder() const {
  const std::string positions = text("position_embedding_type", "absolute");
  if (positions != "absolute") {
    throw ConfigError(fmt::format("{}: position_embedding_type '{}' is not supported; supported: absolute.\n{}", name_,
                                  printable(positions), kTakeAnother));
  }
  for (const char* key : {"is_decoder", "add_cross_attention"}) {
    if (!bool_member(json_, key, name_).value_or(false)) continue;
    throw ConfigError(
        fmt::format("{}: {} is true; extractive question answering needs an encoder.\n{}", name_, key, kTakeAnother));
  }
}

void ConfigReader::check_heads(const char* width_key, std::int64_t width, const char* heads_key,
                               std::int64_t num_heads) const {
  if (width % num_heads == 0) return;
  throw DataError(fmt::format("{}: {} {} is not a multiple of {} {}", name_, width_key, width, heads_key, num_heads));
}

std::int64_t ConfigReader::in_range(const char* key, std::int64_t value, std::int64_t min, std::int64_t max) const {
  if (value < min || value > max) {
    refuse_value(name_, key, value, fmt::format("an integer from {} to {}", min, max));
  }
  return value;
}

}  // namespace bertft::weights
