#include "tokenizer/added_tokens.h"

#include <gtest/gtest.h>

#include <string>

#include "bertft/util/error.h"

namespace bertft::tokenizer {
namespace {

// The text that a match covers, with its id: "4:[MASK]".
std::string found(const AddedTokens& tokens, std::string_view text, std::size_t from = 0) {
  const auto match = tokens.find(text, {.end = from, .content_end = from});
  if (!match) return "nothing";
  return std::to_string(match->id) + ":" + std::string(text.substr(match->begin, match->end - match->begin));
}

TEST(AddedTokens, FindsTheLeftmost) {
  const AddedTokens tokens({{"[SEP]", 3}, {"[MASK]", 4}});
  EXPECT_EQ(found(tokens, "a [MASK] b [SEP]"), "4:[MASK]");
}

TEST(AddedTokens, FindsTheLongestOfSeveralThatBeginTogether) {
  const AddedTokens tokens({{"<a>", 1}, {"<a><b>", 2}});
  EXPECT_EQ(found(tokens, "x<a><b>"), "2:<a><b>");
}

TEST(AddedTokens, GoesOnBehindAnEarlierMatch) {
  const AddedTokens tokens({{"[SEP]", 3}});
  EXPECT_EQ(found(tokens, "[SEP][SEP]", 5), "3:[SEP]");
  EXPECT_EQ(found(tokens, "[SEP][SEP]", 6), "nothing");
}

TEST(AddedTokens, IgnoresABeginningOnly) {
  EXPECT_EQ(found(AddedTokens({{"[SEP]", 3}}), "[SE [sep]"), "nothing");
}

TEST(AddedTokens, TakesTheSpaceOnTheSidesItIsToldTo) {
  const std::string text = "a \u3000[MASK]\t b";
  EXPECT_EQ(found(AddedTokens({{"[MASK]", 4, true, false}}), text), "4: \u3000[MASK]");
  EXPECT_EQ(found(AddedTokens({{"[MASK]", 4, false, true}}), text), "4:[MASK]\t ");
}

TEST(AddedTokens, LeavesSpaceToTheMatchThatTookItFirst) {
  const AddedTokens tokens({{"[A]", 1, false, true}, {"[B]", 2, true, false}});
  const std::string text = "[A]  [B]";
  EXPECT_EQ(found(tokens, text), "1:[A]  ");
  EXPECT_EQ(found(tokens, text, 5), "2:[B]");
}

TEST(AddedTokens, FindsInNormalizedTextWhatIsLookedForThere) {
  AddedTokens tokens({{"[SEP]", 3}, {"<A>", 4, false, false, true}, {"<B>", 5, false, false, true}});
  tokens.normalize([](std::string_view content) { return content == "<A>" ? "<a>" : "<a><b>"; });
  const auto found = [&](std::string_view text) {
    const auto match = tokens.find_normalized(text, {});
    return match ? match->id : 0;
  };
  EXPECT_EQ(found("[SEP]<a>"), 4U);
  EXPECT_EQ(found("[SEP]<a><b>"), 5U);
  EXPECT_EQ(found("[SEP]<A>"), 0U);
  EXPECT_EQ(tokens.find("<A><B>[SEP]", {})->id, 3U);
}

TEST(AddedTokens, RefusesOneOfWhichNormalizationLeavesNothing) {
  AddedTokens tokens({{"\u0301", 3, false, false, true}});
  EXPECT_THROW(tokens.normalize([](std::string_view) { return ""; }), ConfigError);
}

}  // namespace
}  // namespace bertft::tokenizer
