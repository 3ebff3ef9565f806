#include "bertft/weights/encoder_config.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <filesystem>
#include <optional>
#include <string_view>
#include <vector>

#include "bertft/util/error.h"
#include "bertft/util/file.h"
#include "bertft/util/foreign_file.h"
#include "bertft/util/json.h"
#include "bertft/util/text.h"
#include "weights/family.h"
#include "weights/foreign.h"

namespace bertft::weights {
namespace {

constexpr std::uint64_t kMaxConfigBytes = std::uint64_t{1} << 20;
constexpr const char* kDefaultFamily = "bert";  // that of most files without a model_type

// Old files name no model_type; their architectures still tell.
const Family* family_by_architecture(const Json& json) {
  const auto found = json.find("architectures");
  if (found == json.end() || !found->is_array() || found->empty() || !found->front().is_string()) return nullptr;
  const auto& architecture = found->front().get_ref<const std::string&>();
  for (const Family* family : families()) {
    if (architecture.starts_with(family->class_prefix)) return family;
  }
  return nullptr;
}

const Family& family_in(const Json& json, std::string_view name) {
  const auto type = string_member(json, "model_type", name);
  if (const Family* family = type ? find_family(*type) : family_by_architecture(json)) return *family;
  std::vector<std::string_view> supported;
  for (const Family* family : families()) supported.push_back(family->model_type);
  if (!type) {
    throw ConfigError(
        fmt::format("{}: model_type is absent, and architectures name none that is supported: {}.\n"
                    "If it is one of these, add it to the file, such as \"model_type\": \"{}\".",
                    name, fmt::join(supported, ", "), kDefaultFamily));
  }
  throw ConfigError(
      fmt::format("{}: model_type '{}' is not supported; supported: {}.\nTake a model of one of these families.", name,
                  printable(*type), fmt::join(supported, ", ")));
}

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
  constexpr std::string_view kAdapter = "adapter_config.json";
  if (is_there((std::filesystem::path(directory) / kAdapter).string())) {
    const auto adapter = recognise_foreign_name(kAdapter);
    throw InputError(
        fmt::format("{}: {}, not a whole model\n{}", printable(directory), adapter->what, adapter->advice));
  }
  throw InputError(
      fmt::format("{0}: {1}; a model directory with config.json and model.safetensors is expected\n"
                  "{2}\n"
                  "(what Python has downloaded stands in ~/.cache/huggingface/hub/models--OWNER--MODEL/snapshots)",
                  printable(directory), fault, fetch_advice(printable(directory))));
}

// Whether transformers would give a head of this config two outputs, as it does where none are named. Old files may
// name a number and other labels.
bool has_two_labels(const Json& json) {
  const auto labels = json.find("id2label"), count = json.find("num_labels");
  return (labels == json.end() || (labels->is_object() && labels->size() == 2)) && (count == json.end() || *count == 2);
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
  const Family& family = family_in(json, name);
  reader.check_encoder();
  EncoderConfig config{};
  config.model_type = family.model_type;
  family.read(reader, config);
  config.json = std::move(text);
  return config;
}

std::optional<std::int64_t> longest_sequence(const Json& json, const std::string& name) {
  const auto positions = integer_member(json, "max_position_embeddings", name);
  const auto type = string_member(json, "model_type", name);
  const Family* family = type ? find_family(*type) : family_by_architecture(json);
  if (!positions || family == nullptr || !family->positions_skip_padding) return positions;
  EncoderConfig config{};
  config.max_position_embeddings = *positions;
  read_padding_before_positions(ConfigReader(json, name), config);
  return config.longest_sequence();
}

std::string question_answering_config_json(const EncoderConfig& config) {
  Json json = parse_json(config.json, "config.json");
  json["architectures"] = Json::array({family_of(config).architecture()});
  json["model_type"] = config.model_type;
  if (json.contains("torch_dtype")) json["torch_dtype"] = "float32";
  if (json.contains("dtype") || !json.contains("torch_dtype")) json["dtype"] = "float32";
  // Of a model whose numbers were packed, or whose code stood beside it: ours are plain, and BERT's.
  for (const char* key : {"quantization_config", "auto_map"}) json.erase(key);
  if (!has_two_labels(json)) {
    for (const char* key : {"id2label", "label2id", "num_labels"}) json.erase(key);
  }
  return python_json(json, 2) + "\n";
}

}  // namespace bertft::weights
