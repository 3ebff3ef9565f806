// Any text gives tokens whose offsets are in order, lie on code-point borders and agree with
// each other, whatever the settings; and encoding a text twice, apart by a space, gives twice
// the tokens.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "bertft/util/text.h"
#include "tokenizer/wordpiece_tokenizer.h"

namespace {

using namespace bertft::tokenizer;

WordPieceTokenizer make_tokenizer(unsigned settings) {
  std::vector<Vocabulary::Piece> pieces;
  for (const char* text :
       {"[PAD]",  "[UNK]",    "[CLS]",  "[SEP]", "[MASK]",   "a",      "##a", "b",   "##b",    "ab",       "##ab",
        "abc",    "A",        "i",      "##i",   "##\u0307", "\u0307", "e",   "##e", "\u00e9", "##\u0301", "\u4e00",
        "\u03b1", "##\u1161", "\u1100", ".",     "[",        "]",      "#",   "##1", "1"}) {
    pieces.push_back({text, static_cast<std::uint32_t>(pieces.size())});
  }
  WordPieceModel model{.vocabulary = Vocabulary(std::move(pieces), "##")};
  model.special_ids = {.cls = 2, .sep = 3, .pad = 0, .unk = 1};
  model.added_tokens = {{"[UNK]", 1}, {"[SEP]", 3}, {"[MASK]", 4, (settings & 16) != 0, (settings & 32) != 0}};
  model.normalizer = {.clean_text = (settings & 1) != 0,
                      .handle_chinese_chars = (settings & 2) != 0,
                      .strip_accents = (settings & 4) != 0,
                      .lowercase = (settings & 8) != 0};
  return WordPieceTokenizer(std::move(model));
}

const WordPieceTokenizer& tokenizer_of(unsigned settings) {
  static const std::vector<WordPieceTokenizer> all = [] {
    std::vector<WordPieceTokenizer> tokenizers;
    for (unsigned i = 0; i < 64; ++i) tokenizers.push_back(make_tokenizer(i));
    return tokenizers;
  }();
  return all[settings % all.size()];
}

void require(bool holds) {
  if (!holds) std::abort();
}

void check(const Tokenizer& tokenizer, std::string_view text, const std::vector<Token>& tokens) {
  std::uint32_t previous_begin = 0;
  for (const Token& t : tokens) {
    require(t.id < tokenizer.vocabulary_size());
    require(previous_begin <= t.byte_begin && t.byte_begin < t.byte_end && t.byte_end <= text.size());
    require(bertft::byte_offset_of(text, t.char_begin) == t.byte_begin);
    require(bertft::byte_offset_of(text, t.char_end) == t.byte_end);
    previous_begin = t.byte_begin;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string text(reinterpret_cast<const char*>(data) + 1, size - 1);
  if (bertft::find_invalid_utf8(text)) return 0;
  const WordPieceTokenizer& tokenizer = tokenizer_of(data[0]);
  std::vector<Token> once, twice;
  tokenizer.encode(text, once);
  check(tokenizer, text, once);
  const std::string doubled = text + " " + text;
  tokenizer.encode(doubled, twice);
  check(tokenizer, doubled, twice);
  require(twice.size() == 2 * once.size());
  return 0;
}
