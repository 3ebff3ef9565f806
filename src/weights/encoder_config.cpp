#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>
#include <filesystem>
#include <optional>
#include <string_view>

#include "bertft/util/error.h"
#include "bertft/util/file.h"
#include "bertft/util/json.h"
#include "bertft/util/text.h"
#include "bertft/weights/model_directory.h"

namespace bertft::weights {
namespace {

using Activation = EncoderConfig::Activation;

constexpr std::uint64_t kMaxConfigBytes = std::uint64_t{1} << 20;

// transformers' names for the three functions; the tanh forms differ in rounding only.
struct ActivationName {
  std::string_view name;
  Activation activation;
};
constexpr std::array<ActivationName, 7> kActivations{{{"gelu", Activation::kGelu},
                                                      {"gelu_python", Activation::kGelu},
                                                      {"gelu_new", Activation::kGeluNew},
                                                      {"gelu_pytorch_tanh", Activation::kGeluNew},
                                                      {"gelu_python_tanh", Activation::kGeluNew},
                                                      {"gelu_accurate", Activation::kGeluNew},
                                                      {"relu", Activation::kRelu}}};

// Reads the keys of one config.json. Sizes have upper limits too, far above any BERT, so
// that a damaged number cannot become an allocation.
class ConfigReader {
 public:
  ConfigReader(const Json& json, std::string_view name) : json_(json), name_(name) {}

  std::int64_t size(const char* key, std::int64_t absent, std::int64_t max) const {
    return in_range(key, integer_member(json_, key, name_).value_or(absent), 1, max);
  }

  std::int64_t index(const char* key, std::int64_t absent, std::int64_t count) const {
    return in_range(key, integer_member(json_, key, name_).value_or(absent), 0, count - 1);
  }

  double probability_below_one(const char* key, double absent) const {
    const double value = number_member(json_, key, name_).value_or(absent);
    if (!(value >= 0 && value < 1)) refuse_value(key, value, "a number from 0 to below 1");
    return value;
  }

  double positive(const char* key, double absent) const {
    const double value = number_member(json_, key, name_).value_or(absent);
    if (!(value > 0)) refuse_value(key, value, "a positive number");
    return value;
  }

  Activation activation() const {
    const std::string text = string_member(json_, "hidden_act", name_).value_or("gelu");
    for (const auto& [name, activation] : kActivations) {
      if (name == text) return activation;
    }
    throw ConfigError(
        fmt::format("{}: hidden_act '{}' is not supported; supported: gelu, gelu_new, relu", name_, printable(text)));
  }

  // Old files name no model_type; their architectures still tell.
  std::string model_type() const {
    const auto type = string_member(json_, "model_type", name_);
    if (!type && architecture().starts_with("Bert")) return "bert";
    if (type == "bert") return "bert";
    throw ConfigError(
        fmt::format("{}: model_type {} is not supported; supported: bert\n"
                    "Choose a BERT checkpoint, for example google-bert/bert-base-uncased.",
                    name_, type ? fmt::format("'{}'", printable(*type)) : "is absent, which"));
  }

  // transformers 5 ignores position_embedding_type without a word, so such a model would
  // train on positions it was not made for.
  void check_supported() const {
    const std::string positions = string_member(json_, "position_embedding_type", name_).value_or("absolute");
    if (positions != "absolute") {
      throw ConfigError(fmt::format("{}: position_embedding_type '{}' is not supported; supported: absolute", name_,
                                    printable(positions)));
    }
    for (const char* key : {"is_decoder", "add_cross_attention"}) {
      if (!bool_member(json_, key, name_).value_or(false)) continue;
      throw ConfigError(fmt::format("{}: {} is true; extractive question answering needs an encoder", name_, key));
    }
  }

 private:
  std::string architecture() const {
    const auto found = json_.find("architectures");
    if (found == json_.end() || !found->is_array() || found->empty() || !found->front().is_string()) return {};
    return found->front().get<std::string>();
  }

  std::int64_t in_range(const char* key, std::int64_t value, std::int64_t min, std::int64_t max) const {
    if (value < min || value > max) refuse_value(key, value, fmt::format("an integer from {} to {}", min, max));
    return value;
  }

  template <class Number>
  [[noreturn]] void refuse_value(const char* key, Number value, std::string_view expected) const {
    throw DataError(fmt::format("{}: {} is {}; expected {}", name_, key, value, expected));
  }

  const Json& json_;
  std::string_view name_;
};

void check_directory(const std::string& directory) {
  std::string fault;
  std::error_code error;
  if (!is_there(directory)) {
    fault = "no such directory";
  } else if (!std::filesystem::is_directory(directory, error)) {
    fault = error ? error.message() : "not a directory";
  } else if (!is_there((std::filesystem::path(directory) / "config.json").string())) {
    fault = "it has no config.json";
  }
  if (fault.empty()) return;
  throw InputError(
      fmt::format("{}: {}; a model directory with config.json and model.safetensors is expected\n"
                  "A model of the hub is fetched with: hf download OWNER/MODEL --local-dir DIR",
                  printable(directory), fault));
}

// The number of outputs that transformers would give a head of this config; none when the
// config does not say.
std::optional<std::size_t> num_labels(const Json& json) {
  if (const auto labels = json.find("id2label"); labels != json.end() && labels->is_object()) return labels->size();
  if (const auto count = json.find("num_labels"); count != json.end() && count->is_number_unsigned()) {
    return count->get<std::size_t>();
  }
  return std::nullopt;
}

}  // namespace

EncoderConfig read_encoder_config(const std::string& directory) {
  check_directory(directory);
  const std::string path = (std::filesystem::path(directory) / "config.json").string();
  std::string text = read_file(path, kMaxConfigBytes);
  const std::string name = printable(path);
  const Json json = parse_json(text, name);
  if (!json.is_object()) throw DataError(fmt::format("{}: a JSON object is expected, not {}", name, json.type_name()));

  const ConfigReader reader(json, name);
  EncoderConfig config{};
  config.model_type = reader.model_type();
  reader.check_supported();
  constexpr std::int64_t kMaxRows = 100'000'000, kMaxWidth = 1'000'000, kMaxLayers = 1'000;
  config.vocab_size = reader.size("vocab_size", 30522, kMaxRows);
  config.hidden_size = reader.size("hidden_size", 768, kMaxWidth);
  config.num_hidden_layers = reader.size("num_hidden_layers", 12, kMaxLayers);
  config.num_attention_heads = reader.size("num_attention_heads", 12, kMaxWidth);
  config.intermediate_size = reader.size("intermediate_size", 3072, kMaxWidth);
  config.max_position_embeddings = reader.size("max_position_embeddings", 512, kMaxRows);
  config.type_vocab_size = reader.size("type_vocab_size", 2, kMaxRows);
  if (config.type_vocab_size < 2) {
    throw DataError(
        fmt::format("{}: type_vocab_size is {}; question and context need two token types.\n"
                    "This model was not made for pairs of texts.",
                    printable(path), config.type_vocab_size));
  }
  config.pad_token_id = reader.index("pad_token_id", 0, config.vocab_size);
  config.hidden_act = reader.activation();
  config.hidden_dropout_prob = reader.probability_below_one("hidden_dropout_prob", 0.1);
  config.attention_probs_dropout_prob = reader.probability_below_one("attention_probs_dropout_prob", 0.1);
  config.layer_norm_eps = reader.positive("layer_norm_eps", 1e-12);
  config.initializer_range = reader.positive("initializer_range", 0.02);
  if (config.hidden_size % config.num_attention_heads != 0) {
    throw DataError(fmt::format("{}: hidden_size {} is not a multiple of num_attention_heads {}", name,
                                config.hidden_size, config.num_attention_heads));
  }
  config.json = std::move(text);
  return config;
}

std::string question_answering_config_json(const EncoderConfig& config) {
  Json json = parse_json(config.json, "config.json");
  json["architectures"] = Json::array({"BertForQuestionAnswering"});
  json["model_type"] = config.model_type;
  if (json.contains("torch_dtype")) json["torch_dtype"] = "float32";
  if (json.contains("dtype") || !json.contains("torch_dtype")) json["dtype"] = "float32";
  if (num_labels(json).value_or(2) != 2) {
    for (const char* key : {"id2label", "label2id", "num_labels"}) json.erase(key);
  }
  return python_json(json, 2) + "\n";
}

std::vector<std::string> tokenizer_files(const std::string& directory) {
  std::vector<std::string> found;
  for (const char* name :
       {"tokenizer.json", "tokenizer_config.json", "vocab.txt", "special_tokens_map.json", "added_tokens.json"}) {
    std::error_code ignored;
    if (std::filesystem::is_regular_file(std::filesystem::path(directory) / name, ignored)) found.emplace_back(name);
  }
  return found;
}

}  // namespace bertft::weights
