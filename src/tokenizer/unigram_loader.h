#pragma once

#include <memory>

#include "bertft/tokenizer/tokenizer.h"
#include "tokenizer/declared_tokens.h"
#include "tokenizer/tokenizer_files.h"

namespace bertft::tokenizer {

/// Puts a tokenizer of class kAlbert, kXlmRoberta or kBackend together as transformers 5 does: pieces, scores and the
/// charsmap from tokenizer.json, of type Unigram, where there is one, as it has to be for kBackend, else from
/// spiece.model or sentencepiece.bpe.model. throws DataError and ConfigError as load_tokenizer
std::unique_ptr<Tokenizer> load_unigram(const TokenizerFiles& files, TokenizerClass tokenizer_class);

}  // namespace bertft::tokenizer
