// Any text gives the tokens of the slow reference, and their pieces are the bytes of the text.

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "bertft/util/text.h"
#include "fuzz/require.h"
#include "tokenizer/byte_level_tokenizer.h"
#include "tokenizer/reference_byte_level.h"

namespace {

using bertft::require;
using namespace bertft::tokenizer;

// Merges that any few bytes meet, of words, spaces and parts of code points.
const SmallByteLevel& model() {
  static const SmallByteLevel small(std::vector<ByteMerge>{{"a", "b"},
                                                           {"b", "a"},
                                                           {"ab", "ab"},
                                                           {"a", "a"},
                                                           {"aa", "aa"},
                                                           {" ", "ab"},
                                                           {" ", " "},
                                                           {"  ", "  "},
                                                           {"\n", " "},
                                                           {"'", "s"},
                                                           {"\xC3", "\xA9"},
                                                           {"\xE4", "\xB8"},
                                                           {"!", "!"},
                                                           {"1", "2"}});
  return small;
}

constexpr std::size_t kLongest = 400;  // the reference takes time with the square of a word's length

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const ByteLevelTokenizer tokenizer = model().tokenizer();
  static const ReferenceByteLevel reference(model());
  const std::string text(reinterpret_cast<const char*>(data), size);
  if (size > kLongest || bertft::find_invalid_utf8(text)) return 0;
  std::vector<Token> tokens;
  tokenizer.encode(text, tokens);
  require(tokens == reference.encode(text));
  std::string pieces;
  for (const Token& token : tokens) pieces += tokenizer.piece(token.id);
  require(pieces == byte_chars(text));
  return 0;
}
