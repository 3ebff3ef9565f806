#pragma once

#include <memory>

#include "bertft/tokenizer/tokenizer.h"
#include "tokenizer/tokenizer_files.h"

namespace bertft::tokenizer {

/// Puts an ALBERT tokenizer together as transformers 5 does: pieces, scores and the charsmap from tokenizer.json, of type
/// Unigram, where there is one, else from spiece.model.
/// throws DataError and ConfigError as load_tokenizer
std::unique_ptr<Tokenizer> load_albert(const TokenizerFiles& files);

}  // namespace bertft::tokenizer
