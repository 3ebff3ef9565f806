#include <fmt/format.h>

#include <memory>
#include <optional>
#include <string>

#include "bertft/tokenizer/tokenizer.h"
#include "bertft/util/error.h"
#include "bertft/util/text.h"
#include "tokenizer/albert_loader.h"
#include "tokenizer/loading.h"
#include "tokenizer/roberta_loader.h"
#include "tokenizer/tokenizer_files.h"
#include "tokenizer/wordpiece_loader.h"

namespace bertft::tokenizer {
namespace {

// Files of the time before the model had a "type" are known by its members.
std::string model_type_of(const Json& tokenizer_json, const std::string& name) {
  const auto model = tokenizer_json.find("model");
  if (model == tokenizer_json.end() || !model->is_object()) {
    throw DataError(
        fmt::format("{}: expected an object 'model'; is this the tokenizer.json of a model?", printable(name)));
  }
  if (const auto type = string_member(*model, "type", name)) return *type;
  return model->contains("max_input_chars_per_word") ? "WordPiece" : "not named";
}

std::string json_type_of(const TokenizerFiles& files) {
  return files.tokenizer_json ? model_type_of(*files.tokenizer_json, files.path(kTokenizerJson)) : "WordPiece";
}

std::optional<std::string> model_type_in(const TokenizerFiles& files) {
  if (!files.model_config) return std::nullopt;
  return string_member(*files.model_config, "model_type", files.path(kModelConfig));
}

// ALBERT's and RoBERTa's tokenizer where the model is of that family and there are files for it, or where nothing says
// what the model is; some models of these families have BERT's.
TokenizerClass class_by_files(const TokenizerFiles& files, const std::string& json_type) {
  const auto model_type = model_type_in(files);
  const auto may_be = [&](std::string_view family) { return !model_type || *model_type == family; };
  if (files.tokenizer_json) {
    if (may_be("albert") && json_type == "Unigram") return TokenizerClass::kAlbert;
    if (may_be("roberta") && json_type == "BPE") return TokenizerClass::kRoberta;
    return TokenizerClass::kBert;
  }
  if (model_type == "albert" && files.spiece_model) return TokenizerClass::kAlbert;
  if (model_type == "roberta" && files.vocab_json) return TokenizerClass::kRoberta;
  if (files.vocab_txt) return TokenizerClass::kBert;
  if (files.spiece_model && may_be("albert")) return TokenizerClass::kAlbert;
  if (files.vocab_json && may_be("roberta")) return TokenizerClass::kRoberta;
  throw ConfigError(
      fmt::format("{}: {} is the tokenizer of {}, and config.json says model_type '{}'.\n"
                  "Copy vocab.txt or tokenizer.json from the model that the weights come from.",
                  printable(files.directory), files.spiece_model ? kSpieceModel : kVocabJson,
                  files.spiece_model ? "ALBERT" : "RoBERTa", printable(model_type.value_or("none"))));
}

// The class that transformers takes for a model that names none.
TokenizerClass class_of_family(std::string_view model_type) {
  if (model_type == "albert") return TokenizerClass::kAlbert;
  if (model_type == "roberta") return TokenizerClass::kRoberta;
  return TokenizerClass::kBert;
}

void require_file(const TokenizerFiles& files, bool is_there, const char* file,
                  const std::optional<NamedClass>& named) {
  if (is_there || !named) return;
  throw InputError(
      fmt::format("{} is missing; {} names {}, which needs it.\n"
                  "Copy it from the model that the weights come from.",
                  printable(files.path(file)), named->file, printable(named->name)));
}

TokenizerClass class_of(const TokenizerFiles& files) {
  const std::optional<NamedClass> named = named_class(files);
  return named ? named->kind : class_by_files(files, json_type_of(files));
}

const char* name_of(TokenizerClass tokenizer_class) {
  switch (tokenizer_class) {
    case TokenizerClass::kBert:
      return "BertTokenizer";
    case TokenizerClass::kAlbert:
      return "AlbertTokenizer";
    case TokenizerClass::kRoberta:
      return "RobertaTokenizer";
    case TokenizerClass::kBackend:
      break;
  }
  return "PreTrainedTokenizerFast";
}

// Whether the model's config.json leads to the class that the one beside the tokenizer's files has led to.
bool says_the_same(const TokenizerFiles& files, const ModelFacts& model, TokenizerClass tokenizer_class) {
  if (!files.model_config) return false;
  const std::string name = files.path(kModelConfig);
  if (string_member(*files.model_config, "tokenizer_class", name) != model.tokenizer_class) return false;
  if (model.tokenizer_class) return true;
  // An ALBERT with BERT's vocabulary is read as such here; transformers would take ALBERT's tokenizer.
  return tokenizer_class == class_of_family(model.model_type);
}

[[noreturn]] void refuse_model(const TokenizerFiles& files, const std::string& type) {
  const std::string json_name = files.path(kTokenizerJson);
  if (type == "Unigram" && model_type_in(files).value_or("albert") == "albert") {
    throw ConfigError(
        fmt::format("{}: a Unigram model, which is supported as AlbertTokenizer has it.\n"
                    "If this is ALBERT's, set \"tokenizer_class\": \"AlbertTokenizer\" in tokenizer_config.json.",
                    printable(json_name)));
  }
  if (type == "BPE" && model_type_in(files).value_or("roberta") == "roberta") {
    throw ConfigError(
        fmt::format("{}: a BPE model, which is supported as RobertaTokenizer has it.\n"
                    "If this is RoBERTa's, set \"tokenizer_class\": \"RobertaTokenizer\" in tokenizer_config.json.",
                    printable(json_name)));
  }
  throw ConfigError(
      fmt::format("{}: the tokenizer model is '{}'; supported are WordPiece, the tokenizer of BERT, "
                  "ALBERT's Unigram and RoBERTa's BPE.\nTake a model with one of these tokenizers.",
                  printable(json_name), printable(type)));
}

std::unique_ptr<Tokenizer> load(const TokenizerFiles& files) {
  if (!files.tokenizer_json && !files.vocab_txt && !files.spiece_model && !files.vocab_json) {
    throw InputError(
        fmt::format("{} holds none of tokenizer.json, vocab.txt, spiece.model and vocab.json.\n"
                    "Copy them from the model that the weights come from.",
                    printable(files.directory)));
  }
  const std::string type = json_type_of(files);
  const std::optional<NamedClass> named = named_class(files);
  const TokenizerClass tokenizer_class = class_of(files);
  if (tokenizer_class == TokenizerClass::kAlbert) {
    require_file(files, files.tokenizer_json || files.spiece_model, kSpieceModel, named);
    return load_albert(files);
  }
  if (tokenizer_class == TokenizerClass::kRoberta || (tokenizer_class == TokenizerClass::kBackend && type == "BPE")) {
    require_file(files, files.tokenizer_json || files.vocab_json, kVocabJson, named);
    return load_roberta(files, tokenizer_class);
  }
  if (type != "WordPiece") refuse_model(files, type);
  if (tokenizer_class == TokenizerClass::kBackend) {
    require_file(files, files.tokenizer_json.has_value(), kTokenizerJson, named);
  }
  require_file(files, files.tokenizer_json || files.vocab_txt, kVocabTxt, named);
  return load_wordpiece(files, tokenizer_class);
}

}  // namespace

std::unique_ptr<Tokenizer> load_tokenizer(const std::string& directory, const std::optional<ModelFacts>& model) {
  TokenizerFiles files = read_tokenizer_files(directory);
  if (model) {
    files.num_embeddings = model->num_embeddings;
    files.has_token_types = model->has_token_types;
  }
  std::unique_ptr<Tokenizer> tokenizer = load(files);
  check_size(files, tokenizer->vocabulary_size());
  return tokenizer;
}

std::optional<std::string> completed_config(const std::string& directory, const ModelFacts& model) {
  TokenizerFiles files = read_tokenizer_files(directory);
  const TokenizerClass tokenizer_class = class_of(files);
  Json config = files.tokenizer_config.value_or(Json::object());
  const Json before = config;
  const bool names_class = config.contains("tokenizer_class") && !config["tokenizer_class"].is_null();
  if (!names_class && !says_the_same(files, model, tokenizer_class)) {
    config["tokenizer_class"] = name_of(tokenizer_class);
  }
  files.tokenizer_config = config;
  if (model.has_token_types && !gives_token_types(files, tokenizer_class)) {
    config["model_input_names"] = {"input_ids", "token_type_ids", "attention_mask"};
  }
  return config == before ? std::nullopt : std::optional(python_json(config, 2) + "\n");
}

}  // namespace bertft::tokenizer
