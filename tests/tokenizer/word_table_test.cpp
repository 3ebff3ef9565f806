#include "tokenizer/word_table.h"

#include <gtest/gtest.h>

#include <array>
#include <string>

namespace bertft::tokenizer {
namespace {

ShortWord short_word(const std::string& text, std::uint64_t case_bits = 0) {
  std::array<char, ShortWord::kReadBytes> padded;
  padded.fill('x');  // what stands behind the word is of no interest
  text.copy(padded.data(), padded.size());
  return {padded.data(), text.size(), case_bits};
}

std::uint32_t look_up(const WordTable& table, const std::string& text) {
  const ShortWord word = short_word(text);
  return table.id_of(word, table.home_of(word));
}

TEST(ShortWord, HoldsItsTextWhateverStandsBehindIt) {
  for (std::size_t size = 1; size <= ShortWord::kMaxSize; ++size) {
    const std::string text = std::string("abcdefghijklmno").substr(0, size);
    const ShortWord word = short_word(text);
    EXPECT_EQ(word.size(), size);
    EXPECT_EQ(word.text(), text);
    EXPECT_EQ(word.key() == short_word("abcdefghijklmno").key(), size == ShortWord::kMaxSize);
  }
}

TEST(ShortWord, HasSmallLettersWhenTold) {
  EXPECT_EQ(short_word("ABCXYZabcxyz019", ShortWord::kSmallLetters).text(), "abcxyzabcxyz019");
  EXPECT_EQ(short_word("ABCXYZabcxyz019").text(), "ABCXYZabcxyz019");
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
  const WordTable table(short_words_of(vocabulary, 100));
  EXPECT_EQ(look_up(table, "the"), 0U);
  EXPECT_EQ(look_up(table, "The"), 8U);
  EXPECT_EQ(look_up(table, longest), 3U);
  EXPECT_EQ(look_up(table, "cat"), 7U) << "of a text that stands twice the last id counts";
  EXPECT_EQ(look_up(table, "."), 10U);
  EXPECT_EQ(look_up(table, "#"), WordTable::kNone);
  for (const char* absent : {"th", "them", "a", "caf", "1"}) {
    EXPECT_EQ(look_up(table, absent), WordTable::kNone) << absent;
  }
}

TEST(WordTable, LeavesOutWordsThatAreTooLongToBeKnown) {
  const WordTable table(short_words_of(Vocabulary({{"abc", 0}, {"abcd", 1}}, "##"), 3));
  EXPECT_EQ(look_up(table, "abc"), 0U);
  EXPECT_EQ(look_up(table, "abcd"), WordTable::kNone);
}

TEST(WordTable, OfAnEmptyVocabularyKnowsNoWord) {
  EXPECT_EQ(look_up(WordTable(short_words_of(Vocabulary({}, "##"), 100)), "a"), WordTable::kNone);
}

}  // namespace
}  // namespace bertft::tokenizer
