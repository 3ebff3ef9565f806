#pragma once

#include <memory>

#include "bertft/tokenizer/tokenizer.h"
#include "tokenizer/declared_tokens.h"
#include "tokenizer/tokenizer_files.h"

namespace bertft::tokenizer {

/// Puts a BERT tokenizer together as transformers 5 does; the class is kBert or kBackend.
/// throws DataError and ConfigError as load_tokenizer
std::unique_ptr<Tokenizer> load_wordpiece(const TokenizerFiles& files, TokenizerClass tokenizer_class);

}  // namespace bertft::tokenizer
