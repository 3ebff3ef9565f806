#include "data/label.h"

#include <gtest/gtest.h>

#include <limits>

namespace bertft::data {
namespace {

// Four tokens of five characters with a blank between them, at positions 10 to 13.
const std::vector<tokenizer::Token> kContext{{1, 0, 5}, {2, 6, 11}, {3, 12, 17}, {4, 18, 23}};

std::pair<std::uint32_t, std::uint32_t> label(std::int64_t start, std::size_t length,
                                              std::span<const tokenizer::Token> context = kContext, bool fix = true) {
  const Label found = label_of({.text = std::string(length, 'x'), .char_start = start}, context, 10, fix);
  return {found.start, found.end};
}
using Pair = std::pair<std::uint32_t, std::uint32_t>;

TEST(Label, CoversTheTokensOfTheAnswer) {
  EXPECT_EQ(label(6, 5), Pair(11, 11));
  EXPECT_EQ(label(6, 11), Pair(11, 12));
  EXPECT_EQ(label(0, 23), Pair(10, 13));
}

TEST(Label, WidensAnAnswerInsideAWordToItsToken) {
  EXPECT_EQ(label(8, 2), Pair(11, 11));
  EXPECT_EQ(label(8, 6), Pair(11, 12));
}

TEST(Label, IsClsWhenTheAnswerIsNotWhollyInTheWindow) {
  const auto middle = std::span(kContext).subspan(1, 2);
  EXPECT_EQ(label(0, 8, middle), Pair(0, 0));
  EXPECT_EQ(label(12, 8, middle), Pair(0, 0));
  EXPECT_EQ(label(6, 11, middle), Pair(10, 11));
}

TEST(Label, IsClsInAWindowWithoutContext) {
  EXPECT_EQ(label(0, 1, {}), Pair(0, 0));
}

TEST(Label, IsClsForAStartFarBehindTheText) {
  EXPECT_EQ(label(std::numeric_limits<std::int64_t>::max(), 5), Pair(0, 0));
}

TEST(Label, StartsAtTheLastTokenWhenTheAnswerStandsThere) {
  EXPECT_EQ(label(18, 5), Pair(13, 13));
  EXPECT_EQ(label(20, 2), Pair(13, 13));
}

TEST(Label, StartsAtTheClosingSepWhenTheQuirkIsAskedFor) {
  EXPECT_EQ(label(18, 5, kContext, false), Pair(14, 13));
  EXPECT_EQ(label(20, 2, kContext, false), Pair(14, 13));
  EXPECT_EQ(label(12, 11, kContext, false), Pair(12, 13));
}

TEST(Label, OfABlankEndsBehindItsStartAsInRunQa) {
  EXPECT_EQ(label(5, 1), Pair(10, 11));
}

TEST(Label, CountsTheAnswerInCodePoints) {
  const Label found =
      label_of({.text = "\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9", .char_start = 6}, kContext, 10, true);
  EXPECT_EQ(found.end, 11u);
}

TEST(Label, OfAnEmptyTextAtZeroIsCls) {
  EXPECT_EQ(label(0, 0), Pair(0, 0));
}

}  // namespace
}  // namespace bertft::data
