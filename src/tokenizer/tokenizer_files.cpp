#include "tokenizer/tokenizer_files.h"

#include <fmt/format.h>

#include <filesystem>
#include <system_error>

#include "bertft/util/error.h"
#include "bertft/util/file.h"
#include "bertft/util/foreign_file.h"
#include "bertft/util/text.h"

namespace bertft::tokenizer {
namespace {

constexpr std::uint64_t kMaxVocabularyBytes = std::uint64_t{64} << 20;

std::optional<std::string> read_vocabulary_if_there(const std::string& path) {
  if (!is_there(path)) return std::nullopt;
  return read_file(path, kMaxVocabularyBytes);
}

std::optional<Json> parse_if_there(const std::string& path) {
  if (!is_there(path)) return std::nullopt;
  Json json = read_json(path);
  if (!json.is_object()) throw DataError(fmt::format("{}: expected a JSON object", printable(path)));
  return json;
}

}  // namespace

std::string TokenizerFiles::path(std::string_view file) const {
  return (std::filesystem::path(directory) / file).string();
}

std::vector<std::string> tokenizer_files(const std::string& directory) {
  std::vector<std::string> found;
  for (const char* name : kTokenizerFiles) {
    std::error_code ignored;
    if (std::filesystem::is_regular_file(std::filesystem::path(directory) / name, ignored)) found.emplace_back(name);
  }
  return found;
}

TokenizerFiles read_tokenizer_files(const std::string& directory) {
  std::error_code error;
  if (!std::filesystem::is_directory(directory, error)) {
    throw InputError(
        fmt::format("{} is not a directory; expected a Hugging Face model directory with tokenizer.json, "
                    "vocab.txt, spiece.model, sentencepiece.bpe.model or vocab.json.\n{}",
                    printable(directory), fetch_advice()));
  }
  TokenizerFiles files{.directory = directory};
  files.vocab_txt = read_vocabulary_if_there(files.path(kVocabTxt));
  files.spiece_model = read_vocabulary_if_there(files.path(kSpieceModel));
  files.sentencepiece_model = read_vocabulary_if_there(files.path(kSentencepieceModel));
  files.merges_txt = read_vocabulary_if_there(files.path(kMergesTxt));
  files.vocab_json = parse_if_there(files.path(kVocabJson));
  files.tokenizer_json = parse_if_there(files.path(kTokenizerJson));
  files.tokenizer_config = parse_if_there(files.path(kTokenizerConfig));
  const Json config = files.tokenizer_config.value_or(Json::object());
  if (config.value(kAddedTokensDecoder, Json()).is_null()) {
    files.special_tokens_map = parse_if_there(files.path(kSpecialTokensMap));
    files.added_tokens = parse_if_there(files.path(kAddedTokensJson));
  }
  files.model_config = parse_if_there(files.path(kModelConfig));
  if (files.model_config) {
    files.num_embeddings = integer_member(*files.model_config, "vocab_size", files.path(kModelConfig));
  }
  return files;
}

std::optional<double> model_max_length(const std::string& directory) {
  const std::string path = TokenizerFiles{.directory = directory}.path(kTokenizerConfig);
  const std::optional<Json> config = parse_if_there(path);
  if (!config) return std::nullopt;
  for (const char* key : {"model_max_length", "max_len"}) {  // the second is the old name
    if (!config->contains(key)) continue;
    const auto length = number_member(*config, key, path);
    if (length && !(*length >= 1))
      throw DataError(fmt::format("{}: {} is {:g}, expected 1 or more", printable(path), key, *length));
    return length;
  }
  return std::nullopt;
}

}  // namespace bertft::tokenizer
