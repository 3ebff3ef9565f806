#include <fmt/format.h>

#include <memory>
#include <string>

#include "bertft/tokenizer/tokenizer.h"
#include "bertft/util/error.h"
#include "bertft/util/text.h"
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

}  // namespace

std::unique_ptr<Tokenizer> load_tokenizer(const std::string& directory) {
  const TokenizerFiles files = read_tokenizer_files(directory);
  if (!files.tokenizer_json && !files.vocab_txt) {
    throw InputError(
        fmt::format("{} holds neither tokenizer.json nor vocab.txt.\n"
                    "Copy them from the model that the weights come from.",
                    printable(directory)));
  }
  if (files.tokenizer_json) {
    const std::string name = files.path("tokenizer.json");
    const std::string type = model_type_of(*files.tokenizer_json, name);
    if (type != "WordPiece") {
      throw ConfigError(fmt::format("{}: the tokenizer model is '{}'; supported is WordPiece, the tokenizer of BERT",
                                    printable(name), printable(type)));
    }
  }
  return load_wordpiece(files);
}

}  // namespace bertft::tokenizer
