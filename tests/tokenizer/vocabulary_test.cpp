#include "tokenizer/vocabulary.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace bertft::tokenizer {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

Vocabulary make(const std::vector<std::string>& texts, std::string_view prefix = "##") {
  std::vector<Vocabulary::Piece> pieces;
  for (const std::string& text : texts) pieces.push_back({text, static_cast<std::uint32_t>(pieces.size())});
  return Vocabulary(std::move(pieces), prefix);
}

// The pieces of a word; empty when it cannot be split.
std::vector<std::uint32_t> split(const Vocabulary& vocabulary, std::string_view word) {
  std::vector<std::uint32_t> ids;
  const bool done = vocabulary.split(word, [&](std::uint32_t id, std::size_t, std::size_t) { ids.push_back(id); });
  return done ? ids : std::vector<std::uint32_t>();
}

TEST(Vocabulary, SplitsGreedilyFromTheLeft) {
  EXPECT_THAT(split(make({"un", "unw", "##want", "##ant", "##ed"}), "unwanted"), ElementsAre(1, 3, 4));
}

TEST(Vocabulary, DoesNotGoBackWhenTheLongestPieceLeadsNowhere) {
  EXPECT_THAT(split(make({"ab", "abc", "##cd"}), "abcd"), IsEmpty());
}

TEST(Vocabulary, BeginsAWordOnlyWithAPieceWithoutPrefix) {
  EXPECT_THAT(split(make({"##a"}), "a"), IsEmpty());
}

TEST(Vocabulary, GoesOnOnlyWithPrefixedPieces) {
  EXPECT_THAT(split(make({"a", "b"}), "ab"), IsEmpty());
}

TEST(Vocabulary, GoesOnWithAnyPieceWhenThePrefixIsEmpty) {
  EXPECT_THAT(split(make({"a", "b"}, ""), "ab"), ElementsAre(0, 1));
}

TEST(Vocabulary, DoesNotTakeABarePrefixForAPiece) {
  EXPECT_THAT(split(make({"a", "##"}), "ab"), IsEmpty());
}

TEST(Vocabulary, ReportsTheByteRangeOfEachPiece) {
  std::vector<std::pair<std::size_t, std::size_t>> ranges;
  make({"caf", "##\u00e9"}).split("caf\u00e9", [&](std::uint32_t, std::size_t begin, std::size_t end) {
    ranges.emplace_back(begin, end);
  });
  EXPECT_THAT(ranges, ElementsAre(std::pair(0, 3), std::pair(3, 5)));
}

TEST(Vocabulary, GivesADuplicateItsLastId) {
  const Vocabulary vocabulary = make({"a", "b", "a"});
  EXPECT_EQ(vocabulary.id_of("a"), 2U);
  EXPECT_EQ(vocabulary.num_duplicates(), 1U);
  EXPECT_EQ(vocabulary.piece(0), "a");
}

TEST(Vocabulary, CountsABlankPieceAndMatchesItNever) {
  const Vocabulary vocabulary = make({"a", "", "b"});
  EXPECT_EQ(vocabulary.size(), 3U);
  EXPECT_EQ(vocabulary.id_of(""), std::nullopt);
  EXPECT_EQ(vocabulary.id_of("b"), 2U);
}

TEST(Vocabulary, KnowsNoPieceBehindAnUnknownId) {
  EXPECT_EQ(make({"a"}).piece(5), "");
}

TEST(Vocabulary, LeavesGapsBetweenIds) {
  const Vocabulary vocabulary({{"a", 0}, {"b", 7}}, "##");
  EXPECT_EQ(vocabulary.size(), 8U);
  EXPECT_EQ(vocabulary.piece(3), "");
  EXPECT_EQ(vocabulary.id_of("b"), 7U);
}

}  // namespace
}  // namespace bertft::tokenizer
