#include "tokenizer/byte_pairs.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "tokenizer/byte_level_fixtures.h"
#include "tokenizer/reference_byte_level.h"

namespace bertft::tokenizer {
namespace {

using ::testing::ElementsAre;

std::vector<std::string> split(const SmallByteLevel& model, const std::string& word) {
  const BytePairs pairs(model.ids_of_bytes(), model.merges_by_id());
  BytePairs::Scratch scratch;
  std::vector<BytePairs::Piece> pieces;
  pairs.split(word, scratch, pieces);
  std::vector<std::string> texts;
  std::size_t begin = 0;
  for (const BytePairs::Piece& piece : pieces) {
    texts.push_back(word.substr(begin, piece.size));
    EXPECT_EQ(piece.id, model.id_of(texts.back()));
    begin += piece.size;
  }
  EXPECT_EQ(begin, word.size());
  return texts;
}

TEST(BytePairs, AreMergedInTheOrderOfTheListWhateverIsLonger) {
  const SmallByteLevel model(std::vector<ByteMerge>{{"b", "c"}, {"a", "b"}, {"ab", "c"}});
  EXPECT_THAT(split(model, "abc"), ElementsAre("a", "bc"));
  EXPECT_THAT(split(model, "abab"), ElementsAre("ab", "ab"));
}

TEST(BytePairs, AreMergedFromTheLeft) {
  EXPECT_THAT(split(SmallByteLevel(std::vector<ByteMerge>{{"a", "a"}}), "aaaaa"), ElementsAre("aa", "aa", "a"));
}

TEST(BytePairs, LeaveBytesAloneThatNoMergeNames) {
  EXPECT_THAT(split(SmallByteLevel({}), "\xE9\x01"), ElementsAre("\xE9", "\x01"));
  EXPECT_TRUE(split(SmallByteLevel({}), "").empty());
}

TEST(BytePairs, OfAPairThatStandsTwiceCountTheLastOne) {
  const SmallByteLevel model(std::vector<ByteMerge>{{"a", "b"}, {"b", "c"}, {"a", "b"}});
  EXPECT_THAT(split(model, "abc"), ElementsAre("a", "bc"));
}

TEST(BytePairs, EqualTheSlowReferenceOnRandomMergesAndWords) {
  std::mt19937 random(7);
  const auto below = [&](std::size_t n) { return static_cast<std::size_t>(random() % n); };
  for (int round = 0; round < 200; ++round) {
    std::vector<std::string> known = {"a", "b", "c"};
    std::vector<ByteMerge> merges;
    std::set<ByteMerge> seen;
    while (merges.size() < 12) {
      ByteMerge merge{known[below(known.size())], known[below(known.size())]};
      if (!seen.insert(merge).second) continue;
      known.push_back(merge.first + merge.second);
      merges.push_back(std::move(merge));
    }
    std::ranges::shuffle(merges, random);
    const SmallByteLevel model(merges);
    for (int i = 0; i < 20; ++i) {
      std::string word(below(40), 'a');
      for (char& c : word) c = static_cast<char>('a' + below(3));
      EXPECT_EQ(split(model, word), split_slowly(merges, word)) << word;
    }
  }
}

TEST(BytePairs, SplitAWordOfAMillionBytes) {
  EXPECT_EQ(split(SmallByteLevel(std::vector<ByteMerge>{{"a", "a"}, {"aa", "aa"}}), std::string(1'000'000, 'a')).size(),
            250'000U);
}

}  // namespace
}  // namespace bertft::tokenizer
