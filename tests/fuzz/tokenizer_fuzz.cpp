// Any text gives the tokens of the slow reference, whatever the settings; their offsets are in
// order, lie on code-point borders and agree with each other.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "bertft/util/text.h"
#include "fuzz/token_check.h"
#include "tokenizer/reference_tokenizer.h"
#include "tokenizer/wordpiece_tokenizer.h"

namespace {

using bertft::require;
using namespace bertft::tokenizer;

// Short words, parts of words and single characters, so that any few bytes make tokens.
const std::vector<Vocabulary::Piece>& pieces() {
  static const std::vector<Vocabulary::Piece> all = [] {
    std::vector<Vocabulary::Piece> list;
    for (const char* text : {"[PAD]",
                             "[UNK]",
                             "[CLS]",
                             "[SEP]",
                             "[MASK]",
                             "a",
                             "##a",
                             "b",
                             "##b",
                             "ab",
                             "##ab",
                             "abc",
                             "A",
                             "i",
                             "##i",
                             "##\u0307",
                             "\u0307",
                             "e",
                             "##e",
                             "\u00e9",
                             "##\u0301",
                             "\u4e00",
                             "\u03b1",
                             "##\u1161",
                             "\u1100",
                             ".",
                             "[",
                             "]",
                             "#",
                             "##1",
                             "1",
                             "abababa",
                             "abababab",
                             "ababababa",
                             "abababababababa",
                             "abababababababab",
                             "aB",
                             "##C",
                             "\u0435",
                             "##\u0438",
                             ";",
                             "\u00b7"}) {
      list.push_back({text, static_cast<std::uint32_t>(list.size())});
    }
    return list;
  }();
  return all;
}

struct Pair {
  WordPieceTokenizer tokenizer;
  ReferenceTokenizer reference;
};

Pair make_pair(unsigned settings) {
  const auto set = [&](unsigned bit) { return (settings & bit) != 0; };
  WordPieceModel model{.vocabulary = Vocabulary(pieces(), "##")};
  model.special_ids = {.cls = 2, .sep = 3, .unk = 1};
  model.added_tokens = {{"[UNK]", 1}, {"[SEP]", 3}, {"[MASK]", 4, set(16), set(32)}};
  if (set(64)) model.added_tokens.push_back({"bAb", 5});
  model.normalizer = {
      .clean_text = set(1), .handle_chinese_chars = set(2), .strip_accents = set(4), .lowercase = set(8)};
  model.max_input_chars_per_word = set(128) ? 9 : 100;
  ReferenceTokenizer reference(pieces(), model.added_tokens, model.special_ids.unk, model.normalizer,
                               model.max_input_chars_per_word);
  return {WordPieceTokenizer(std::move(model)), std::move(reference)};
}

const Pair& pair_of(std::uint8_t settings) {
  static const std::vector<Pair> all = [] {
    std::vector<Pair> pairs;
    for (unsigned i = 0; i < 256; ++i) pairs.push_back(make_pair(i));
    return pairs;
  }();
  return all[settings];
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string text(reinterpret_cast<const char*>(data) + 1, size - 1);
  if (bertft::find_invalid_utf8(text)) return 0;
  const auto& [tokenizer, reference] = pair_of(data[0]);
  std::vector<Token> tokens;
  tokenizer.encode(text, tokens);
  check_tokens(tokenizer, text, tokens);
  require(tokens == reference.encode(text));
  return 0;
}
