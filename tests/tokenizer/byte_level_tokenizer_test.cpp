// By hand; tests/parity/roberta_parity.py compares with the crate.

#include "tokenizer/byte_level_tokenizer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "tokenizer/byte_level_fixtures.h"
#include "tokenizer/reference_byte_level.h"
#include "tokenizer/tokenizer_fixtures.h"

namespace bertft::tokenizer {
namespace {

using ::testing::ElementsAre;
using ::testing::Pair;

// Pieces with the text at their places.
std::vector<std::pair<std::string, std::string>> encoded(const Tokenizer& tokenizer, const std::string& text) {
  std::vector<Token> tokens;
  tokenizer.encode(text, tokens);
  std::vector<std::pair<std::string, std::string>> result;
  for (const Token& token : tokens) result.emplace_back(tokenizer.piece(token.id), covered(text, token));
  return result;
}

std::vector<std::string> pieces_of(const Tokenizer& tokenizer, const std::string& text) {
  std::vector<std::string> pieces;
  for (const auto& [piece, place] : encoded(tokenizer, text)) pieces.push_back(piece);
  return pieces;
}

TEST(ByteAlphabet, ShowsVisibleLatin1AsItIsAndNumbersTheRest) {
  EXPECT_EQ(char_of_byte('A'), U'A');
  EXPECT_EQ(char_of_byte(0xE9), U'\u00e9');
  EXPECT_EQ(char_of_byte(0), U'\u0100');
  EXPECT_EQ(char_of_byte(' '), U'\u0120');
  EXPECT_EQ(char_of_byte('\n'), U'\u010a');
  EXPECT_EQ(char_of_byte(0xAD), U'\u0143');
  std::set<char32_t> all;
  for (int byte = 0; byte < 256; ++byte) all.insert(char_of_byte(static_cast<unsigned char>(byte)));
  EXPECT_EQ(all.size(), 256U);
}

TEST(ByteLevelTokenizer, TakesTheSpaceIntoTheWordButNotIntoItsPlace) {
  EXPECT_THAT(encoded(small_byte_level().tokenizer(), "the cat"), ElementsAre(Pair("the", "the"), Pair("Ġcat", "cat")));
}

TEST(ByteLevelTokenizer, LeavesTheLastOfSeveralSpacesToTheWord) {
  EXPECT_THAT(encoded(small_byte_level().tokenizer(), "the   cat"),
              ElementsAre(Pair("the", "the"), Pair("Ġ", ""), Pair("Ġ", ""), Pair("Ġcat", "cat")));
  EXPECT_THAT(pieces_of(small_byte_level().tokenizer(), "the\n\ncat"), ElementsAre("the", "Ċ", "Ċ", "c", "at"));
  EXPECT_THAT(pieces_of(small_byte_level().tokenizer(), "the "), ElementsAre("the", "Ġ"));
}

TEST(ByteLevelTokenizer, SplitsContractionsOff) {
  EXPECT_THAT(pieces_of(small_byte_level().tokenizer(), "cat's"), ElementsAre("c", "at", "'s"));
  EXPECT_THAT(pieces_of(small_byte_level().tokenizer(), "at'S"), ElementsAre("at", "'", "S"));
  EXPECT_THAT(pieces_of(small_byte_level().tokenizer(), "at 's"), ElementsAre("at", "Ġ", "'", "s"))
      << "behind a space it is none";
}

TEST(ByteLevelTokenizer, SplitsLettersNumbersAndOthersApart) {
  const SmallByteLevel joined(std::vector<ByteMerge>{{"a", "1"}, {"1", "."}, {".", "a"}});
  EXPECT_THAT(pieces_of(joined.tokenizer(), "a1.a"), ElementsAre("a", "1", ".", "a"));
}

TEST(ByteLevelTokenizer, GivesPiecesOfACodePointAllOfItsPlace) {
  EXPECT_THAT(encoded(small_byte_level().tokenizer(), "a\u00e9b"),
              ElementsAre(Pair("a", "a"), Pair("Ã", "\u00e9"), Pair("©", "\u00e9"), Pair("b", "b")));
}

TEST(ByteLevelTokenizer, KeepsAddedTokensWholeAndTheirWhiteSpaceOutside) {
  const auto tokenizer = small_byte_level().tokenizer({{"<mask>", 4, /*takes_space_left=*/true}});
  EXPECT_THAT(encoded(tokenizer, "the \t<mask> cat"),
              ElementsAre(Pair("the", "the"), Pair("<mask>", "<mask>"), Pair("Ġcat", "cat")));
}

TEST(ByteLevelTokenizer, FindsTokensVerbatimBeforeThoseInNormalizedTextWhichIsTheSame) {
  const AddedToken normalized{"<s>", 0, /*takes_space_left=*/false, /*takes_space_right=*/true, /*in_normalized=*/true};
  const auto tokenizer = small_byte_level().tokenizer({normalized, {"s><mask>", 4}});
  EXPECT_THAT(encoded(tokenizer, "\u00e9<s> the<s><mask><s>"),
              ElementsAre(Pair("Ã", "\u00e9"), Pair("©", "\u00e9"), Pair("<s>", "<s>"), Pair("the", "the"),
                          Pair("<", "<"), Pair("<mask>", "s><mask>"), Pair("<s>", "<s>")));
}

TEST(ByteLevelTokenizer, DoesNotTakeAPieceThatTheMergesDoNotLeadTo) {
  // "abc" is in the vocabulary, but "bc" is merged first.
  const SmallByteLevel model(std::vector<ByteMerge>{{"b", "c"}, {"a", "b"}, {"ab", "c"}});
  EXPECT_THAT(pieces_of(model.tokenizer(), "abc"), ElementsAre("a", "bc"));
}

TEST(ByteLevelTokenizer, TellsAWordFromTheSameWithAZeroByteBehindIt) {
  const SmallByteLevel model(std::vector<ByteMerge>{{"!", "!"}});
  const std::string text("!!\0 !!", 6);
  EXPECT_THAT(encoded(model.tokenizer(), text),
              ElementsAre(Pair("!!", "!!"), Pair("Ā", std::string(1, '\0')), Pair("Ġ", ""), Pair("!!", "!!")));
}

TEST(ByteLevelTokenizer, FindsShortWordsAtTheVeryEndOfAText) {
  for (const std::string text : {"the", " the", "at the cat the"}) {
    EXPECT_TRUE(pieces_of(small_byte_level().tokenizer(), text).back().ends_with("the")) << text;
  }
}

TEST(ByteLevelTokenizer, EqualsTheSlowReferenceOnRandomTexts) {
  const SmallByteLevel model = small_byte_level();
  const ByteLevelTokenizer tokenizer = model.tokenizer();
  const ReferenceByteLevel reference(model);
  const std::vector<std::string> parts = {"the",       "at",     "c",      "'s",     "'",      "ll",
                                          "1",         ".",      " ",      " ",      "\n",     "\u00a0",
                                          "\u3000",    "\u00e9", "\u0301", "\u4e00", "\u0661", std::string(1, '\0'),
                                          "\U0001f600"};
  std::mt19937 random(11);
  for (int i = 0; i < 2000; ++i) {
    std::string text;
    for (std::size_t n = random() % 20; n > 0; --n) text += parts[random() % parts.size()];
    std::vector<Token> tokens;
    tokenizer.encode(text, tokens);
    EXPECT_EQ(tokens, reference.encode(text)) << text;
  }
}

}  // namespace
}  // namespace bertft::tokenizer
