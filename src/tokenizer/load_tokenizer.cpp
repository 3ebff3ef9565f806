#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "bertft/tokenizer/tokenizer.h"
#include "bertft/util/error.h"
#include "bertft/util/text.h"
#include "tokenizer/loading.h"
#include "tokenizer/roberta_loader.h"
#include "tokenizer/tokenizer_files.h"
#include "tokenizer/unigram_loader.h"
#include "tokenizer/wordpiece_loader.h"

namespace bertft::tokenizer {
namespace {

// The families that have a tokenizer of their own; all others have BERT's.
struct OwnTokenizer {
  TokenizerClass kind;
  std::string_view model_type, family;
  std::string_view json_type;  // of the model in a tokenizer.json
  const char* file;            // with the vocabulary where there is no tokenizer.json
  bool (*has_file)(const TokenizerFiles& files);
};
constexpr std::array<OwnTokenizer, 3> kOwnTokenizers{
    {{TokenizerClass::kAlbert, "albert", "ALBERT", "Unigram", kSpieceModel,
      [](const TokenizerFiles& files) { return files.spiece_model.has_value(); }},
     {TokenizerClass::kRoberta, "roberta", "RoBERTa", "BPE", kVocabJson,
      [](const TokenizerFiles& files) { return files.vocab_json.has_value(); }},
     {TokenizerClass::kXlmRoberta, "xlm-roberta", "XLM-RoBERTa", "Unigram", kSentencepieceModel,
      [](const TokenizerFiles& files) { return files.sentencepiece_model.has_value(); }}}};

std::optional<std::string> model_type_in(const TokenizerFiles& files) {
  if (!files.model_config) return std::nullopt;
  return string_member(*files.model_config, "model_type", files.path(kModelConfig));
}

// Whether the model is of the family, or nothing says of which it is.
bool may_be_of(const OwnTokenizer& own, const TokenizerFiles& files) {
  const auto model_type = model_type_in(files);
  return !model_type || *model_type == own.model_type;
}

// A family's own tokenizer where the model may be of that family and there are files for it; some models of these
// families have BERT's.
TokenizerClass class_by_files(const TokenizerFiles& files) {
  const auto model_type = model_type_in(files);
  for (const OwnTokenizer& own : kOwnTokenizers) {
    if (!may_be_of(own, files)) continue;
    const bool has_files = files.tokenizer_json ? json_model_type(files) == own.json_type
                                                : own.has_file(files) && (model_type || !files.vocab_txt);
    if (has_files) return own.kind;
  }
  if (files.tokenizer_json || files.vocab_txt) return TokenizerClass::kBert;
  const auto own = std::ranges::find_if(kOwnTokenizers, [&](const OwnTokenizer& t) { return t.has_file(files); });
  throw ConfigError(
      fmt::format("{}: {} is the tokenizer of {}, and config.json says model_type '{}'.\n"
                  "Copy the tokenizer's files from the model that the weights come from.",
                  printable(files.directory), own->file, own->family, printable(model_type.value_or("none"))));
}

// The class that transformers takes for a model that names none.
TokenizerClass class_of_family(std::string_view model_type) {
  const auto own = std::ranges::find(kOwnTokenizers, model_type, &OwnTokenizer::model_type);
  return own == kOwnTokenizers.end() ? TokenizerClass::kBert : own->kind;
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
  const auto has_file = [&](const OwnTokenizer& own) { return own.has_file(files); };
  if (!files.tokenizer_json && !files.vocab_txt && std::ranges::none_of(kOwnTokenizers, has_file)) {
    throw InputError(fmt::format(
        "{} holds none of tokenizer.json, vocab.txt, spiece.model, vocab.json and sentencepiece.bpe.model.\n"
        "Copy them from the model that the weights come from.",
        printable(files.directory)));
  }
  const std::optional<NamedClass> named = named_class(files);
  return named ? named->kind : class_by_files(files);
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

// The classes that have such a model in their tokenizer.json: "\"A\" or \"B\"".
std::string classes_of(const std::string& type) {
  std::vector<std::string_view> classes;
  if (type == "WordPiece") classes.emplace_back(name_of(TokenizerClass::kBert));
  for (const OwnTokenizer& own : kOwnTokenizers) {
    if (type == own.json_type) classes.push_back(name_of(own.kind));
  }
  return classes.empty() ? std::string() : fmt::format("\"{}\"", fmt::join(classes, "\" or \""));
}

[[noreturn]] void refuse_model(const TokenizerFiles& files, const std::string& type) {
  const std::string json_name = files.path(kTokenizerJson), classes = classes_of(type);
  if (!classes.empty()) {
    throw ConfigError(
        fmt::format("{}: a {} model, which is supported where its class is named.\n"
                    "If the file is right, set \"tokenizer_class\": {} in tokenizer_config.json.",
                    printable(json_name), type, classes));
  }
  throw ConfigError(
      fmt::format("{}: the tokenizer model is '{}'; supported are WordPiece, the tokenizer of BERT, "
                  "ALBERT's and XLM-RoBERTa's Unigram and RoBERTa's BPE.\nTake a model with one of these tokenizers.",
                  printable(json_name), printable(type)));
}

[[noreturn]] void refuse_other_model(const TokenizerFiles& files, const std::string& type, const OwnTokenizer& own) {
  std::string advice = "Copy the tokenizer's files from the model that the weights come from.";
  if (const std::string classes = classes_of(type); !classes.empty()) {
    advice += fmt::format("\nIf these are they, set \"tokenizer_class\": {} in tokenizer_config.json.", classes);
  }
  throw ConfigError(fmt::format("{}: the tokenizer model is '{}'; {} has a {} model.\n{}",
                                printable(files.path(kTokenizerJson)), printable(type), name_of(own.kind),
                                own.json_type, advice));
}

std::unique_ptr<Tokenizer> load(const TokenizerFiles& files) {
  const TokenizerClass tokenizer_class = class_of(files);
  const std::optional<NamedClass> named = named_class(files);
  const auto own = std::ranges::find(kOwnTokenizers, tokenizer_class, &OwnTokenizer::kind);
  const bool has_own = own != kOwnTokenizers.end(), is_backend = tokenizer_class == TokenizerClass::kBackend;
  std::string type = has_own ? std::string(own->json_type) : "WordPiece";
  if (files.tokenizer_json) type = json_model_type(files);
  if (has_own) {
    require_file(files, files.tokenizer_json || own->has_file(files), own->file, named);
    if (type != own->json_type) refuse_other_model(files, type, *own);
  }
  if (is_backend) require_file(files, files.tokenizer_json.has_value(), kTokenizerJson, named);
  if (has_own || is_backend) {
    if (type == "Unigram") return load_unigram(files, tokenizer_class);
    if (type == "BPE") return load_roberta(files, tokenizer_class);
  }
  if (type != "WordPiece") refuse_model(files, type);
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
