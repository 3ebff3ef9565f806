#include "tokenizer/text_block.h"

namespace bertft::tokenizer {

TextBlock TextBlock::read_scalar(const char* text) {
  TextBlock block;
  for (std::size_t i = 0; i < kBytes; ++i) {
    const char c = text[i];
    const bool is_letter = ('a' <= c && c <= 'z') || ('A' <= c && c <= 'Z');
    const bool is_word = is_letter || ('0' <= c && c <= '9');
    const bool is_visible = '!' <= c && c <= '~';
    block.words |= std::uint64_t{is_word} << i;
    block.punctuation |= std::uint64_t{is_visible && !is_word} << i;
    block.blanks |= std::uint64_t{c == ' '} << i;
  }
  return block;
}

}  // namespace bertft::tokenizer
