// Expected ids and offsets are those of the `tokenizers` crate and of the tests that transformers
// publishes for BERT.

#include "tokenizer/wordpiece_tokenizer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tokenizer/tokenizer_fixtures.h"

namespace bertft::tokenizer {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

const std::vector<std::string> kTexts = {"[UNK]",  "[CLS]", "[SEP]",  "[PAD]", "[MASK]", "want",    "##want",
                                         "##ed",   "wa",    "un",     "runn",  "##ing",  ",",       "low",
                                         "lowest", "a",     "##a",    "b",     "##b",    "c",       "##c",
                                         "cafe",   "x",     "\u4e2d", "i",     "\u00e9", "##\u0307"};

WordPieceTokenizer make(NormalizerOptions normalizer = {}) {
  std::vector<Vocabulary::Piece> pieces;
  for (const std::string& text : kTexts) pieces.push_back({text, static_cast<std::uint32_t>(pieces.size())});
  WordPieceModel model{.vocabulary = Vocabulary(std::move(pieces), "##")};
  model.added_tokens = {{"[UNK]", 0}, {"[CLS]", 1}, {"[SEP]", 2}, {"[PAD]", 3}, {"[MASK]", 4}};
  model.special_ids = {.cls = 1, .sep = 2, .unk = 0};
  model.normalizer = normalizer;
  return WordPieceTokenizer(std::move(model));
}

// Each token as "piece" or "piece=covered text" where they differ.
std::vector<std::string> pieces_of(const Tokenizer& tokenizer, std::string_view text) {
  std::vector<Token> tokens;
  tokenizer.encode(text, tokens);
  std::vector<std::string> pieces;
  for (const Token& t : tokens) {
    const std::string piece(tokenizer.piece(t.id)), from(covered(text, t));
    pieces.push_back(piece == from || piece == "##" + from ? piece : piece + "=" + from);
  }
  return pieces;
}

TEST(WordPieceTokenizer, GivesTheIdsThatTransformersPublishes) {
  EXPECT_THAT(ids_of(make(), "UNwant\u00e9d,running"), ElementsAre(9, 6, 7, 12, 10, 11));
}

TEST(WordPieceTokenizer, GivesNothingForNothing) {
  EXPECT_THAT(ids_of(make(), ""), IsEmpty());
  EXPECT_THAT(ids_of(make(), " \t\n\u3000"), IsEmpty());
}

TEST(WordPieceTokenizer, AppendsToWhatIsThere) {
  std::vector<Token> tokens;
  make().encode("a", tokens);
  make().encode("b", tokens);
  EXPECT_EQ(tokens.size(), 2U);
}

TEST(WordPieceTokenizer, CoversTheOriginalTextOfEachPiece) {
  EXPECT_THAT(pieces_of(make(), "UNwant\u00e9d, x"), ElementsAre("un=UN", "##want", "##ed=\u00e9d", ",", "x"));
}

TEST(WordPieceTokenizer, LeavesAStrippedMarkAtTheEndUncovered) {
  EXPECT_THAT(pieces_of(make(), "cafe\u0301 x"), ElementsAre("cafe", "x"));
}

TEST(WordPieceTokenizer, CoversADroppedCharacterInsideAPieceOnly) {
  EXPECT_THAT(pieces_of(make(), "\u200blo\u200bw\u200b"), ElementsAre("low=lo\u200bw"));
}

TEST(WordPieceTokenizer, JoinsWordsOverControlCharactersThatAreDropped) {
  EXPECT_THAT(pieces_of(make(), "lo\x0bw lo\u0085w"), ElementsAre("low=lo\x0bw", "low=lo\u0085w"));
}

TEST(WordPieceTokenizer, IsolatesIdeographs) {
  EXPECT_THAT(pieces_of(make(), "a\u4e2db"), ElementsAre("a", "\u4e2d", "b"));
}

TEST(WordPieceTokenizer, JoinsIdeographsWhenToldTo) {
  EXPECT_THAT(pieces_of(make({.handle_chinese_chars = false}), "a\u4e2db"), ElementsAre("[UNK]=a\u4e2db"));
}

TEST(WordPieceTokenizer, KeepsSpecialTokensWholeAnywhere) {
  EXPECT_THAT(pieces_of(make(), "a[MASK]b [SEP]"), ElementsAre("a", "[MASK]", "b", "[SEP]"));
}

TEST(WordPieceTokenizer, KeepsSpecialTokensWholeInTheirExactFormOnly) {
  EXPECT_THAT(pieces_of(make(), "[mask]"), ElementsAre("[UNK]=[", "[UNK]=mask", "[UNK]=]"));
  EXPECT_THAT(pieces_of(make(), "[S\u200bEP]"), ElementsAre("[UNK]=[", "[UNK]=S\u200bEP", "[UNK]=]"));
}

TEST(WordPieceTokenizer, CountsCodePointsBehindSpecialTokensAndWideCharacters) {
  std::vector<Token> tokens;
  make().encode("\u00e9\U0001F600 [MASK] low", tokens);
  EXPECT_EQ(tokens.back(), (Token{13, 10, 13}));
}

TEST(WordPieceTokenizer, MakesAWordUnknownWhenARestMatchesNothing) {
  EXPECT_THAT(pieces_of(make(), "unwantedz low"), ElementsAre("[UNK]=unwantedz", "low"));
}

TEST(WordPieceTokenizer, SplitsAWordOf100CharactersAndNoLonger) {
  EXPECT_EQ(ids_of(make(), std::string(100, 'a')).size(), 100U);
  EXPECT_THAT(ids_of(make(), std::string(101, 'a')), ElementsAre(0));
}

TEST(WordPieceTokenizer, CountsTheCharactersOfAWordAfterNormalization) {
  const std::string accents = "\u0301\u0301\u0301";
  EXPECT_EQ(ids_of(make(), std::string(99, 'a') + accents + "a").size(), 100U);
}

TEST(WordPieceTokenizer, KeepsCaseAndAccentsWhenCased) {
  const WordPieceTokenizer cased = make({.strip_accents = false, .lowercase = false});
  EXPECT_THAT(pieces_of(cased, "\u00e9 LOW low"), ElementsAre("\u00e9", "[UNK]=LOW", "low"));
}

TEST(WordPieceTokenizer, StripsTheDotOfTheTurkishIOnlyWithAccents) {
  EXPECT_THAT(pieces_of(make(), "\u0130"), ElementsAre("i=\u0130"));
  EXPECT_THAT(pieces_of(make({.strip_accents = false}), "\u0130"), ElementsAre("i=\u0130", "##\u0307=\u0130"));
}

TEST(WordPieceTokenizer, KeepsControlCharactersWithoutCleaning) {
  EXPECT_THAT(pieces_of(make({.clean_text = false}), "lo\x01w"), ElementsAre("[UNK]=lo\x01w"));
}

TEST(WordPieceTokenizer, DescribesItselfInOneLine) {
  EXPECT_EQ(make().description(), "WordPiece, 27 pieces, lower case");
  EXPECT_EQ(make({.strip_accents = false}).description(), "WordPiece, 27 pieces, lower case, accents kept");
}

TEST(WordPieceTokenizer, KnowsItsPiecesAndTheirNumber) {
  EXPECT_EQ(make().vocabulary_size(), kTexts.size());
  EXPECT_EQ(make().piece(5), "want");
  EXPECT_EQ(make().piece(1000), "");
}

}  // namespace
}  // namespace bertft::tokenizer
