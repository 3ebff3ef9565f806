#include "tokenizer/word_table.h"

#include <gtest/gtest.h>

#include <array>
#include <string>

namespace bertft::tokenizer {
namespace {

// Read in both ways, which must agree.
ShortWord short_word(const std::string& text, bool lowercase = false) {
  std::array<char, ShortWord::kReadBytes> padded{};
  text.copy(padded.data(), padded.size());
  const ShortWord word(padded.data(), lowercase);
  const ShortWord scalar = ShortWord::read_scalar(padded.data(), lowercase);
  EXPECT_EQ(word.size(), scalar.size()) << text;
  EXPECT_EQ(word.key(), scalar.key()) << text;
  return word;
}

bool is_letter_or_digit(int byte) {
  return ('0' <= byte && byte <= '9') || ('A' <= byte && byte <= 'Z') || ('a' <= byte && byte <= 'z');
}

TEST(ShortWord, EndsAtTheFirstByteThatIsNeitherLetterNorDigit) {
  for (std::size_t at = 0; at <= ShortWord::kMaxSize; ++at) {
    for (int byte = 0; byte < 256; ++byte) {
      std::string text(ShortWord::kReadBytes, 'x');
      text[at] = static_cast<char>(byte);
      const ShortWord word = short_word(text);
      if (is_letter_or_digit(byte)) {
        EXPECT_FALSE(word.is_short()) << byte << " at " << at;
      } else {
        EXPECT_EQ(word.text(), text.substr(0, at)) << byte << " at " << at;
      }
    }
  }
}

TEST(ShortWord, LowersLettersAloneAndOnlyWhenTold) {
  for (int byte = 0; byte < 128; ++byte) {
    if (!is_letter_or_digit(byte)) continue;
    const std::string text(15, static_cast<char>(byte));
    EXPECT_EQ(short_word(text, false).text(), text);
    EXPECT_EQ(short_word(text, true).text(), std::string(15, static_cast<char>(std::tolower(byte))));
  }
}

TEST(ShortWord, KeepsNothingOfWhatStandsBehindIt) {
  EXPECT_EQ(short_word("ab cd").key(), short_word("ab").key());
  EXPECT_EQ(short_word("abcdefgh\xc3\xa9").key(), short_word("abcdefgh").key());
  EXPECT_EQ(short_word("abcdefghi-z").key(), short_word("abcdefghi").key());
}

TEST(WordTable, KnowsTheShortWordsOfAVocabularyAndNothingElse) {
  const std::string longest(ShortWord::kMaxSize, 'a');
  const Vocabulary vocabulary({{"the", 0},
                               {"##the", 1},
                               {"a.b", 2},
                               {longest, 3},
                               {longest + "a", 4},
                               {"caf\u00e9", 5},
                               {"cat", 6},
                               {"cat", 7},
                               {"The", 8},
                               {"", 9},
                               {".", 10}},
                              "##");
  const WordTable table(vocabulary, 100);
  EXPECT_EQ(table.id_of(short_word("the")), 0U);
  EXPECT_EQ(table.id_of(short_word("The")), 8U);
  EXPECT_EQ(table.id_of(short_word(longest)), 3U);
  EXPECT_EQ(table.id_of(short_word("cat")), 7U) << "of a text that stands twice the last id counts";
  EXPECT_EQ(table.id_of(ShortWord('.')), 10U);
  EXPECT_EQ(table.id_of(ShortWord('#')), WordTable::kNone);
  for (const char* absent : {"th", "them", "a", "caf", "1"}) {
    EXPECT_EQ(table.id_of(short_word(absent)), WordTable::kNone) << absent;
  }
}

TEST(WordTable, LeavesOutWordsThatAreTooLongToBeKnown) {
  const WordTable table(Vocabulary({{"abc", 0}, {"abcd", 1}}, "##"), 3);
  EXPECT_EQ(table.id_of(short_word("abc")), 0U);
  EXPECT_EQ(table.id_of(short_word("abcd")), WordTable::kNone);
}

TEST(WordTable, OfAnEmptyVocabularyKnowsNoWord) {
  EXPECT_EQ(WordTable(Vocabulary({}, "##"), 100).id_of(short_word("a")), WordTable::kNone);
}

}  // namespace
}  // namespace bertft::tokenizer
