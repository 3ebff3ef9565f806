#include "tokenizer/added_tokens.h"

#include <gtest/gtest.h>

#include <string>

namespace bertft::tokenizer {
namespace {

// The text that a match covers, with its id: "4:[MASK]".
std::string found(const AddedTokens& tokens, std::string_view text, std::size_t from = 0) {
  const auto match = tokens.find(text, from);
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

}  // namespace
}  // namespace bertft::tokenizer
