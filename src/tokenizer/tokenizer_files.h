#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "bertft/tokenizer/files.h"
#include "bertft/util/json.h"

namespace bertft::tokenizer {

inline constexpr const char* kModelConfig = "config.json";
inline constexpr const char* kAddedTokensDecoder = "added_tokens_decoder";  // member of tokenizer_config.json

/// The tokenizer files of a Hugging Face model directory, read and parsed, not yet understood; without
/// special_tokens_map.json and added_tokens.json where tokenizer_config.json has an `added_tokens_decoder` in their
/// place.
struct TokenizerFiles {
  std::string directory;
  std::optional<std::string> vocab_txt = {}, spiece_model = {}, sentencepiece_model = {}, merges_txt = {};
  std::optional<Json> tokenizer_json = {}, vocab_json = {}, tokenizer_config = {}, special_tokens_map = {},
                      added_tokens = {}, model_config = {};
  // Of the model that reads the tokens, where that is known; num_embeddings else of model_config.
  std::optional<std::int64_t> num_embeddings = {};
  bool has_token_types = false;

  /// Path of a file of the directory, for messages.
  std::string path(std::string_view file) const;
};

/// throws InputError when the directory or a file cannot be read, DataError for malformed JSON
TokenizerFiles read_tokenizer_files(const std::string& directory);

}  // namespace bertft::tokenizer
