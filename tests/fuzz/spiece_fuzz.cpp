// Whatever the bytes of a spiece.model, it is refused by one of our errors or gives a tokenizer
// whose tokens are in order, lie on code-point borders and have ids of its vocabulary. An input is
// tried as a file, and as a list of edits to a model that loads, so that mutations get far.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "bertft/util/error.h"
#include "bertft/util/text.h"
#include "fuzz/token_check.h"
#include "tokenizer/spiece_fixtures.h"
#include "tokenizer/unigram_loader.h"

namespace {

using namespace bertft::tokenizer;

constexpr std::string_view kText =
    "Hello [MASK]ab 9,9 ``xx'' a\u2581b \u200b\u0301\ufb01 \x01\x02\x03\t<UNK>\u4e00\u4e01 \ud55c e\u0301\u200d\r\n "
    "xxxxxxxxxxxxxxxx";

void encode(const Tokenizer& tokenizer, std::string_view text) {
  std::vector<Token> tokens;
  tokenizer.encode(text, tokens);
  check_tokens(tokenizer, text, tokens);
}

void check(std::string file, std::string_view more_text) {
  TokenizerFiles files{.directory = "fuzz"};
  files.spiece_model = files.sentencepiece_model = std::move(file);
  for (const TokenizerClass tokenizer_class : {TokenizerClass::kAlbert, TokenizerClass::kXlmRoberta}) {
    try {
      const auto tokenizer = load_unigram(files, tokenizer_class);
      encode(*tokenizer, kText);
      if (!bertft::find_invalid_utf8(more_text)) encode(*tokenizer, more_text);
    } catch (const bertft::DataError&) {    // refused by a rule, as it should be
    } catch (const bertft::ConfigError&) {  // likewise
    }
  }
}

// Each three bytes put one at a place: two of the place, one of the value.
std::string edited(std::string_view edits) {
  static const std::string model = spiece_model(small_pieces(), small_charsmap());
  std::string file = model;
  for (; edits.size() >= 3; edits.remove_prefix(3)) {
    const auto byte = [&](std::size_t i) { return static_cast<std::size_t>(static_cast<unsigned char>(edits[i])); };
    file[(byte(0) << 8 | byte(1)) % file.size()] = edits[2];
  }
  if (!edits.empty()) file.resize(file.size() - static_cast<unsigned char>(edits[0]));
  return file;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  check(std::string(input), input);
  check(edited(input), input);
  return 0;
}
