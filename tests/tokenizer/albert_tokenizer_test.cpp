// Ids and offsets by hand; that they are transformers' is shown by tests/parity/albert_parity.py.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "tokenizer/spiece_fixtures.h"
#include "tokenizer/tokenizer_fixtures.h"
#include "tokenizer/unigram_loader.h"
#include "tokenizer/unigram_tokenizer.h"

namespace bertft::tokenizer {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::unique_ptr<Tokenizer> small_tokenizer(const std::string& config = "{}", const std::string& charsmap = {}) {
  TokenizerFiles files{.directory = "model"};
  files.spiece_model = spiece_model(small_pieces(), charsmap);
  files.tokenizer_config = Json::parse(config);
  return load_unigram(files, TokenizerClass::kAlbert);
}

// "piece|text that it covers", so that offsets are read off the text; "[id]" for what is unknown.
std::vector<std::string> tokens_of(const Tokenizer& tokenizer, const std::string& text) {
  std::vector<Token> tokens;
  tokenizer.encode(text, tokens);
  std::vector<std::string> result;
  for (const Token& t : tokens) {
    result.push_back(std::string(tokenizer.piece(t.id)) + "|" + std::string(covered(text, t)));
  }
  return result;
}

TEST(AlbertTokenizer, SplitsAWordIntoItsMostProbablePieces) {
  EXPECT_THAT(tokens_of(*small_tokenizer(), "hello"), ElementsAre("▁he|he", "llo|llo"));
}

TEST(AlbertTokenizer, GivesTheMarkOfAWordThePlaceOfItsFirstCharacter) {
  EXPECT_THAT(tokens_of(*small_tokenizer(), "b xx"), ElementsAre("▁|b", "b|b", "▁|x", "xx|xx"));
}

TEST(AlbertTokenizer, LowerCasesUnlessToldNotTo) {
  EXPECT_THAT(tokens_of(*small_tokenizer(), "HELLO"), ElementsAre("▁he|HE", "llo|LLO"));
  EXPECT_THAT(tokens_of(*small_tokenizer(R"({"do_lower_case": false})"), "B"), ElementsAre("▁|B", "<unk>|B"));
}

TEST(AlbertTokenizer, StripsAccentsUnlessToldNotTo) {
  EXPECT_THAT(tokens_of(*small_tokenizer(), "bä á"), ElementsAre("▁|b", "b|b", "a|ä", "▁a|á"));
  EXPECT_THAT(tokens_of(*small_tokenizer(R"({"keep_accents": true})"), "á"), ElementsAre("▁|á", "<unk>|á"));
}

TEST(AlbertTokenizer, DecomposesForCompatibility) {
  EXPECT_THAT(tokens_of(*small_tokenizer(), "ﬁ"), ElementsAre("▁|ﬁ", "f|ﬁ", "i|ﬁ"));
}

TEST(AlbertTokenizer, SplitsWhereADecompositionHasASpace) {
  EXPECT_THAT(tokens_of(*small_tokenizer(), "a¨a"), ElementsAre("▁a|a", "▁a|a"));
}

TEST(AlbertTokenizer, TakesDoubledQuotesForOneMark) {
  EXPECT_THAT(tokens_of(*small_tokenizer(), "``a''"), ElementsAre("▁|`", "\"|`", "a|a", "\"|'"));
}

TEST(AlbertTokenizer, JoinsUnknownNeighbours) {
  EXPECT_THAT(tokens_of(*small_tokenizer(), "a中文b"), ElementsAre("▁a|a", "<unk>|中文", "b|b"));
}

// In linear time: the library alone would take half a minute.
TEST(AlbertTokenizer, JoinsUnknownNeighboursHoweverMany) {
  std::string text;
  for (int i = 0; i < 400'000; ++i) text += "中";
  EXPECT_THAT(tokens_of(*small_tokenizer(), text), ElementsAre("▁|中", "<unk>|" + text));
}

TEST(AlbertTokenizer, JoinsAnUnkInTheTextToItsUnknownNeighbours) {
  EXPECT_THAT(tokens_of(*small_tokenizer(), "中<UNK>文"), ElementsAre("▁|中", "<unk>|中<UNK>文"));
}

TEST(AlbertTokenizer, SplitsACommaFromTheDigitBeforeIt) {
  EXPECT_THAT(tokens_of(*small_tokenizer(), "9,9"), ElementsAre("▁|9", "9|9", ",|,", "9|9"));
}

TEST(AlbertTokenizer, BeginsAWordAtAMarkInTheText) {
  EXPECT_THAT(tokens_of(*small_tokenizer(), "b▁a"), ElementsAre("▁|b", "b|b", "▁a|▁a"));
}

TEST(AlbertTokenizer, KeepsSpecialTokensWhole) {
  EXPECT_THAT(tokens_of(*small_tokenizer(), "a[MASK]a <pad>"),
              ElementsAre("▁a|a", "[MASK]|[MASK]", "▁a|a", "<pad>|<pad>"));
}

TEST(AlbertTokenizer, LeavesNothingOfSpacesAndStrayAccents) {
  EXPECT_THAT(tokens_of(*small_tokenizer(), ""), IsEmpty());
  EXPECT_THAT(tokens_of(*small_tokenizer(), " \t\n\u3000\u0301"), IsEmpty());
}

TEST(AlbertTokenizer, DecidesATieForTheLongerPieceAtTheEnd) {
  // "xxx" is "x" "xx" or "xx" "x", whose scores are the same.
  EXPECT_THAT(tokens_of(*small_tokenizer(), "bxxx"), ElementsAre("▁|b", "b|b", "x|x", "xx|xx"));
}

TEST(AlbertTokenizer, AppliesTheCharsmap) {
  EXPECT_THAT(tokens_of(*small_tokenizer("{}", small_charsmap()),
                        "b\x02"
                        "b a\x03"
                        "a\u200ba"),
              ElementsAre("▁|b", "b|b", "ab|\x02", "b|b", "▁a|a", "▁a|a", "▁a|a"));
}

TEST(AlbertTokenizer, KeepsThePlacesBehindWhatTheCharsmapRemoves) {
  EXPECT_THAT(tokens_of(*small_tokenizer("{}", small_charsmap()),
                        "\x01"
                        "ab\x01"
                        "b"),
              ElementsAre("▁|a", "ab|ab", "b|b"));
}

TEST(AlbertTokenizer, FindsTokensInNormalizedText) {
  const auto tokenizer = small_tokenizer(
      R"({"added_tokens_decoder": {"4": {"content": "[MASK]", "special": true, "normalized": true, "lstrip": true}}})");
  EXPECT_THAT(tokens_of(*tokenizer, "b [m\u00c1sk]a``[MASK]"),
              ElementsAre("▁|b", "b|b", "[MASK]| [m\u00c1sk]", "▁a|a", "\"|`", "[MASK]|[MASK]"));
}

TEST(AlbertTokenizer, DescribesItself) {
  EXPECT_EQ(small_tokenizer(R"({"do_lower_case": true})")->description(),
            "SentencePiece Unigram, 21 pieces, lower case");
  EXPECT_THAT(small_tokenizer()->description(), HasSubstr("lower case; by default"));
  EXPECT_THAT(small_tokenizer(R"({"keep_accents": true})")->description(), HasSubstr("accents kept"));
}

TEST(AlbertTokenizer, KnowsItsSpecialIds) {
  const SpecialIds ids = small_tokenizer()->special_ids();
  EXPECT_EQ(ids.unk, 1U);
  EXPECT_EQ(ids.cls, 2U);
  EXPECT_EQ(ids.sep, 3U);
}

}  // namespace
}  // namespace bertft::tokenizer
