#include "tokenizer/double_array.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <string>

namespace bertft::tokenizer {
namespace {

DoubleArray build(const std::map<std::string, std::uint32_t>& keys) {
  return DoubleArray(std::vector<DoubleArray::Entry>(keys.begin(), keys.end()));
}

TEST(DoubleArray, MatchesNothingWhenEmpty) {
  const DoubleArray trie = build({});
  EXPECT_EQ(trie.longest_match(DoubleArray::kRoot, "abc").size, 0U);
  EXPECT_EQ(trie.walk(DoubleArray::kRoot, "a"), DoubleArray::kNone);
}

TEST(DoubleArray, PrefersTheLongestKey) {
  const DoubleArray trie = build({{"a", 1}, {"abc", 2}, {"abcde", 3}});
  const auto match = trie.longest_match(DoubleArray::kRoot, "abcdx");
  EXPECT_EQ(match.size, 3U);
  EXPECT_EQ(match.value, 2U);
}

TEST(DoubleArray, TakesAllBytesIncludingZero) {
  const std::string zero("\0x", 2), high = "\xFF\xFE";
  const DoubleArray trie = build({{zero, 7}, {high, 8}});
  EXPECT_EQ(trie.longest_match(DoubleArray::kRoot, zero).value, 7U);
  EXPECT_EQ(trie.longest_match(DoubleArray::kRoot, high).value, 8U);
  EXPECT_EQ(trie.longest_match(DoubleArray::kRoot, std::string("\0y", 2)).size, 0U);
}

TEST(DoubleArray, ContinuesFromAnInnerNode) {
  const DoubleArray trie = build({{"##ing", 4}, {"ing", 5}});
  const auto node = trie.walk(DoubleArray::kRoot, "##");
  EXPECT_EQ(trie.longest_match(node, "ings").value, 4U);
}

TEST(DoubleArray, AgreesWithAMapOnRandomKeys) {
  std::mt19937 random(1);
  const auto draw = [&](std::uint32_t n) { return static_cast<std::uint32_t>(random() % n); };
  const auto random_text = [&] {
    // Few leading bytes and many following ones, as in UTF-8, fill the blocks unevenly.
    std::string text;
    for (std::uint32_t i = 0, size = 1 + draw(6); i < size; ++i) {
      text += static_cast<char>(i % 2 == 0 ? 0xE0 + draw(4) : 0x80 + draw(64));
    }
    return text;
  };
  std::map<std::string, std::uint32_t> keys;
  for (std::uint32_t i = 0; i < 20'000; ++i) keys.emplace(random_text(), i);
  const DoubleArray trie = build(keys);
  for (int i = 0; i < 50'000; ++i) {
    const std::string text = random_text() + random_text();
    DoubleArray::Match expected = {0, DoubleArray::kNone};
    for (std::size_t size = 1; size <= text.size(); ++size) {
      if (const auto key = keys.find(text.substr(0, size)); key != keys.end()) expected = {size, key->second};
    }
    const auto match = trie.longest_match(DoubleArray::kRoot, text);
    ASSERT_EQ(match.size, expected.size);
    ASSERT_EQ(match.value, expected.value);
  }
}

}  // namespace
}  // namespace bertft::tokenizer
