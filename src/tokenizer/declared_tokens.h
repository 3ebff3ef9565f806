#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "tokenizer/added_tokens.h"
#include "tokenizer/tokenizer_files.h"
#include "tokenizer/vocabulary.h"

namespace bertft::tokenizer {

/// Which class of transformers would read the directory.
enum class TokenizerClass {
  kBert,        // BertTokenizer: its settings stand in tokenizer_config.json
  kAlbert,      // AlbertTokenizer: likewise
  kRoberta,     // RobertaTokenizer: likewise
  kXlmRoberta,  // XLMRobertaTokenizer: likewise
  kBackend,     // PreTrainedTokenizerFast, TokenizersBackend: tokenizer.json as it stands
};

/// An added token as some file declares it.
struct Declaration {
  std::string content;
  std::optional<std::int64_t> id = {};
  bool lstrip = false, rstrip = false, single_word = false, normalized = false;
  bool special_if_added = false;  // where added_tokens.json has it too; else it is looked for in normalized text there
};

/// The tokens that have a part in the model, by their text.
struct NamedTokens {
  std::string bos, eos, unk, cls, sep;
  std::vector<Declaration> kept_whole;  // in texts, because they are named
};

/// `unk_token` and so on: from special_tokens_map.json, tokenizer_config.json, else the class's own,
/// which kBackend does not keep whole unasked. kept_whole has, behind these, the tokens of other names in `_token` and
/// of the lists of further special tokens.
NamedTokens read_named_tokens(const TokenizerFiles& files, TokenizerClass tokenizer_class);

/// The added tokens that transformers would have after loading, with their ids.
///
/// throws ConfigError for a token that has to be a single word, or one with white space at an end,
///        DataError when ids contradict the vocabulary
std::vector<AddedToken> read_added_tokens(const TokenizerFiles& files, TokenizerClass tokenizer_class,
                                          const NamedTokens& named, const Vocabulary& vocabulary);

}  // namespace bertft::tokenizer
