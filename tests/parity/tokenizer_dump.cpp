// Tokenizes texts for tokenizer_parity.py.
//
//   tokenizer_dump MODEL_DIRECTORY < texts > tokens
//
// Both streams are 32-bit words of this machine's byte order. Input: a text's size in bytes,
// then its UTF-8, again and again. Output: the number of its tokens, then id, char_begin
// and char_end of each.

#include <cstdint>
#include <cstdio>
#include <exception>
#include <string>
#include <vector>

#include "bertft/tokenizer/tokenizer.h"

namespace {

bool read_text(std::string& text) {
  std::uint32_t size = 0;
  if (std::fread(&size, sizeof(size), 1, stdin) != 1) return false;
  text.resize(size);
  return std::fread(text.data(), 1, size, stdin) == size;
}

void write_tokens(const std::vector<bertft::tokenizer::Token>& tokens) {
  std::vector<std::uint32_t> words = {static_cast<std::uint32_t>(tokens.size())};
  for (const auto& t : tokens) words.insert(words.end(), {t.id, t.char_begin, t.char_end});
  std::fwrite(words.data(), sizeof(words[0]), words.size(), stdout);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: tokenizer_dump MODEL_DIRECTORY < texts > tokens\n");
    return 2;
  }
  try {
    const auto tokenizer = bertft::tokenizer::load_tokenizer(argv[1]);
    std::string text;
    std::vector<bertft::tokenizer::Token> tokens;
    while (read_text(text)) {
      tokens.clear();
      tokenizer->encode(text, tokens);
      write_tokens(tokens);
    }
  } catch (const std::exception& e) {
    std::fprintf(stderr, "error: %s\n", e.what());
    return 1;
  }
  return 0;
}
