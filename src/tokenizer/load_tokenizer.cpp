#include <fmt/format.h>

#include <memory>
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

void require_file(const TokenizerFiles& files, bool is_there, const char* file, const char* tokenizer_class) {
  if (is_there) return;
  throw InputError(fmt::format("{} is missing; tokenizer_config.json names {}, which needs it",
                               printable(files.path(file)), tokenizer_class));
}

// Without a name it is told from the files; spiece.model alone is ALBERT's.
TokenizerClass class_of(const TokenizerFiles& files, const std::string& json_type) {
  if (const auto named = named_class(files)) return *named;
  if (files.tokenizer_json) return json_type == "Unigram" ? TokenizerClass::kAlbert : TokenizerClass::kBert;
  return files.vocab_txt ? TokenizerClass::kBert : TokenizerClass::kAlbert;
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
  const TokenizerClass tokenizer_class = class_of(files, type);
  if (tokenizer_class == TokenizerClass::kAlbert) {
    require_file(files, files.tokenizer_json || files.spiece_model, kSpieceModel, "AlbertTokenizer");
    return load_albert(files);
  }
  if (type != "WordPiece") {
    throw ConfigError(
        fmt::format("{}: the tokenizer model is '{}'; supported are WordPiece, the tokenizer of BERT, and "
                    "Unigram, as AlbertTokenizer has it",
                    printable(json_name), printable(type)));
  }
  if (tokenizer_class == TokenizerClass::kBackend) {
    require_file(files, files.tokenizer_json.has_value(), kTokenizerJson, "PreTrainedTokenizerFast");
  }
  require_file(files, files.tokenizer_json || files.vocab_txt, "vocab.txt", "BertTokenizer");
  return load_wordpiece(files, tokenizer_class);
}

}  // namespace bertft::tokenizer
