#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "bertft/config/config.h"
#include "bertft/data/options.h"
#include "bertft/tokenizer/tokenizer.h"
#include "bertft/weights/model_directory.h"

namespace bertft::run {

/// What several commands load, checked against each other as far as that needs no weights.
struct ModelFiles {
  std::string directory, tokenizer_directory;
  weights::EncoderConfig config;
  std::unique_ptr<tokenizer::Tokenizer> tokenizer;
};

/// Where a model's parts are read from.
struct ModelDirectories {
  std::string model, config, tokenizer;
};

/// Those that the options name.
ModelDirectories named_directories(const model::ModelOptions& options);

/// Also keep_to_model_max_length().
/// throws InputError, DataError (the vocabulary does not fit the model), ConfigError
///        (max_seq_length is longer than the model's positions)
ModelFiles load_model_files(config::Resolved& resolved, const ModelDirectories& directories);

/// The tokenizer's files as a model of ours carries them, by name: byte for byte, but for tokenizer_config.json where
/// transformers needs to be told more. throws InputError, as tokenizer::completed_config()
std::map<std::string, std::string> carried_tokenizer_files(const ModelFiles& files);

/// Lowers max_seq_length to what the tokenizer's files allow, as run_qa.py does, with a warning.
/// throws as tokenizer::model_max_length
void keep_to_model_max_length(config::Resolved& resolved, const std::string& tokenizer_directory);

/// throws ConfigError when windows of max_seq_length are longer than the model takes
void check_length(const data::DataOptions& options, std::int64_t longest_sequence);

/// The directory that RUN_DIR stands for: itself if it holds a model, else its best checkpoint, else its newest good
/// one. Says which on stderr when it is not the directory itself.
/// throws InputError (nothing usable is there), CheckpointError (what is there is damaged)
std::string resolve_model_directory(const std::string& given);

}  // namespace bertft::run
