#pragma once

#include <memory>

#include "bertft/tokenizer/tokenizer.h"
#include "tokenizer/declared_tokens.h"
#include "tokenizer/tokenizer_files.h"

namespace bertft::tokenizer {

/// Puts a RoBERTa tokenizer together as transformers 5 does: vocabulary and merges from tokenizer.json, of type BPE,
/// where there is one, else from vocab.json and merges.txt; the class is kRoberta or kBackend.
/// throws InputError, DataError and ConfigError as load_tokenizer
std::unique_ptr<Tokenizer> load_roberta(const TokenizerFiles& files, TokenizerClass tokenizer_class);

}  // namespace bertft::tokenizer
