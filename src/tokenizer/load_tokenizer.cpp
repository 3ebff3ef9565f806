#include <fmt/format.h>

#include <memory>
#include <optional>
#include <string>

#include "bertft/tokenizer/tokenizer.h"
#include "bertft/util/error.h"
#include "bertft/util/text.h"
#include "tokenizer/albert_loader.h"
#include "tokenizer/loading.h"
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

// ALBERT's tokenizer where the model is ALBERT's and there are files for it, or where nothing says
// what the model is; some ALBERTs have BERT's.
TokenizerClass class_by_files(const TokenizerFiles& files, const std::string& json_type) {
  const auto model_type =
      files.model_config ? string_member(*files.model_config, "model_type", files.path(kModelConfig)) : std::nullopt;
  const bool may_be_albert = !model_type || *model_type == "albert";
  if (files.tokenizer_json) {
    return may_be_albert && json_type == "Unigram" ? TokenizerClass::kAlbert : TokenizerClass::kBert;
  }
  if (model_type == "albert" && files.spiece_model) return TokenizerClass::kAlbert;
  if (files.vocab_txt) return TokenizerClass::kBert;
  if (may_be_albert) return TokenizerClass::kAlbert;
  throw ConfigError(
      fmt::format("{}: spiece.model is the tokenizer of ALBERT, and config.json says model_type '{}'.\n"
                  "Copy vocab.txt or tokenizer.json from the model that the weights come from.",
                  printable(files.directory), printable(*model_type)));
}

void require_file(const TokenizerFiles& files, bool is_there, const char* file,
                  const std::optional<NamedClass>& named) {
  if (is_there || !named) return;
  throw InputError(
      fmt::format("{} is missing; {} names {}, which needs it.\n"
                  "Copy it from the model that the weights come from.",
                  printable(files.path(file)), named->file, printable(named->name)));
}

[[noreturn]] void refuse_model(const std::string& json_name, const std::string& type) {
  if (type == "Unigram") {
    throw ConfigError(
        fmt::format("{}: a Unigram model, which is supported as AlbertTokenizer has it.\n"
                    "If this is ALBERT's, set \"tokenizer_class\": \"AlbertTokenizer\" in tokenizer_config.json.",
                    printable(json_name)));
  }
  throw ConfigError(
      fmt::format("{}: the tokenizer model is '{}'; supported are WordPiece, the tokenizer of BERT, and "
                  "ALBERT's Unigram",
                  printable(json_name), printable(type)));
}

}  // namespace

std::unique_ptr<Tokenizer> load_tokenizer(const std::string& directory) {
  const TokenizerFiles files = read_tokenizer_files(directory);
  if (!files.tokenizer_json && !files.vocab_txt && !files.spiece_model) {
    throw InputError(
        fmt::format("{} holds neither tokenizer.json nor vocab.txt nor spiece.model.\n"
                    "Copy them from the model that the weights come from.",
                    printable(directory)));
  }
  const std::string json_name = files.path(kTokenizerJson);
  const std::string type = files.tokenizer_json ? model_type_of(*files.tokenizer_json, json_name) : "WordPiece";
  const std::optional<NamedClass> named = named_class(files);
  const TokenizerClass tokenizer_class = named ? named->kind : class_by_files(files, type);
  if (tokenizer_class == TokenizerClass::kAlbert) {
    require_file(files, files.tokenizer_json || files.spiece_model, kSpieceModel, named);
    return load_albert(files);
  }
  if (type != "WordPiece") refuse_model(json_name, type);
  if (tokenizer_class == TokenizerClass::kBackend) {
    require_file(files, files.tokenizer_json.has_value(), kTokenizerJson, named);
  }
  require_file(files, files.tokenizer_json || files.vocab_txt, "vocab.txt", named);
  return load_wordpiece(files, tokenizer_class);
}

}  // namespace bertft::tokenizer
