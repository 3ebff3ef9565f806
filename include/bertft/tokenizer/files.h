#pragma once

#include <array>
#include <string>
#include <vector>

namespace bertft::tokenizer {

inline constexpr const char* kTokenizerJson = "tokenizer.json";
inline constexpr const char* kTokenizerConfig = "tokenizer_config.json";
inline constexpr const char* kVocabTxt = "vocab.txt";
inline constexpr const char* kSpieceModel = "spiece.model";
inline constexpr const char* kSentencepieceModel = "sentencepiece.bpe.model";
inline constexpr const char* kVocabJson = "vocab.json";
inline constexpr const char* kMergesTxt = "merges.txt";
inline constexpr const char* kSpecialTokensMap = "special_tokens_map.json";
inline constexpr const char* kAddedTokensJson = "added_tokens.json";

/// The files that can make up a tokenizer.
inline constexpr std::array kTokenizerFiles{kTokenizerJson, kTokenizerConfig,    kVocabTxt,
                                            kSpieceModel,   kSentencepieceModel, kVocabJson,
                                            kMergesTxt,     kSpecialTokensMap,   kAddedTokensJson};

/// Those of them that `directory` holds.
std::vector<std::string> tokenizer_files(const std::string& directory);

}  // namespace bertft::tokenizer
