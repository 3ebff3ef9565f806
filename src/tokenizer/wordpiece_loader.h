#pragma once

#include <memory>

#include "bertft/tokenizer/tokenizer.h"
#include "tokenizer/tokenizer_files.h"

namespace bertft::tokenizer {

/// Puts a BERT tokenizer together as transformers 5 does (PARITY §3.1).
/// throws DataError and ConfigError as load_tokenizer
std::unique_ptr<Tokenizer> load_wordpiece(const TokenizerFiles& files);

}  // namespace bertft::tokenizer
