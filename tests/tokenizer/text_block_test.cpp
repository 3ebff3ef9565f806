#include "tokenizer/text_block.h"

#include <gtest/gtest.h>

#include <random>
#include <string>

#include "tokenizer/unicode.h"

namespace bertft::tokenizer {
namespace {

TextBlock read(const std::string& text) {
  const TextBlock block = TextBlock::read(text.data());
  EXPECT_EQ(block, TextBlock::read_scalar(text.data())) << text;
  return block;
}

TEST(TextBlock, ClassesEachByteAtEachPlace) {
  for (std::size_t place = 0; place < TextBlock::kBytes; ++place) {
    for (int byte = 0; byte < 256; ++byte) {
      std::string text(TextBlock::kBytes, '\0');
      text[place] = static_cast<char>(byte);
      const std::uint64_t bit = std::uint64_t{1} << place;
      const bool is_punctuation =
          byte < 128 && (code_point_flags()[static_cast<std::size_t>(byte)] & kPunctuation) != 0;
      const bool is_word = ('a' <= byte && byte <= 'z') || ('A' <= byte && byte <= 'Z') || ('0' <= byte && byte <= '9');
      const TextBlock expected{
          .words = is_word ? bit : 0, .punctuation = is_punctuation ? bit : 0, .blanks = byte == ' ' ? bit : 0};
      ASSERT_EQ(read(text), expected) << byte << " at " << place;
    }
  }
}

TEST(TextBlock, IsTheSameInBothWaysOfReading) {
  std::mt19937 random(1);
  for (int i = 0; i < 10'000; ++i) {
    std::string text(TextBlock::kBytes, ' ');
    for (char& c : text) c = static_cast<char>(random());
    read(text);
  }
}

}  // namespace
}  // namespace bertft::tokenizer
