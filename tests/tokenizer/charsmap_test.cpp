#include "tokenizer/charsmap.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <vector>

#include "bertft/util/error.h"
#include "bertft/util/text.h"
#include "message_of.h"
#include "tokenizer/spiece_fixtures.h"

namespace bertft::tokenizer {
namespace {

using ::testing::HasSubstr;

std::vector<AlignedText::Char> chars_of(const std::string& text) {
  std::vector<AlignedText::Char> chars;
  for (std::size_t pos = 0; pos < text.size();) {
    const char32_t c = next_code_point(text, pos);
    chars.push_back({c, static_cast<std::uint32_t>(chars.size()), false});
  }
  return chars;
}

// The new text and, of each of its characters, the number of the old one: "ab:0,1".
std::string applied(const Charsmap& map, const std::string& text) {
  std::vector<AlignedText::Char> out;
  map.apply(chars_of(text), out);
  std::string result, places;
  for (const AlignedText::Char& c : out) {
    append_utf8(result, c.code_point);
    places += (places.empty() ? ":" : ",") + std::to_string(c.source);
  }
  return result + places;
}

void expect_refusal(const std::string& blob, const std::string& message) {
  EXPECT_THAT(message_of<DataError>([&] { Charsmap(blob, "spiece.model"); }), HasSubstr(message));
}

std::string little_endian(std::uint32_t n) {
  return {reinterpret_cast<const char*>(&n), sizeof n};
}

TEST(Charsmap, ReplacesCharacters) {
  const Charsmap map(charsmap_blob({{"x", "y"}, {"ﬁ", "fi"}}), "test");
  EXPECT_EQ(applied(map, "axﬁb"), "ayfib:0,1,2,2,3");
}

TEST(Charsmap, RemovesCharactersAtAnyPlace) {
  const Charsmap map(charsmap_blob({{"x", ""}}), "test");
  EXPECT_EQ(applied(map, "xaxbx"), "ab:1,3");
}

TEST(Charsmap, ReplacesAShortGraphemeAsAWhole) {
  const Charsmap map(charsmap_blob({{"e\u0301", "é"}}), "test");
  EXPECT_EQ(applied(map, "ae\u0301b"), "aéb:0,1,3");
}

TEST(Charsmap, ReplacesAGraphemeWhoseBeginningItKnows) {
  const Charsmap map(charsmap_blob({{"e", "x"}}), "test");
  EXPECT_EQ(applied(map, "e\u0301"), "x:0");
}

TEST(Charsmap, GoesThroughALongGraphemeByCharacters) {
  const Charsmap map(charsmap_blob({{"e", "x"}}), "test");
  EXPECT_EQ(applied(map, "e\u0301\u0301\u0301"), "x\u0301\u0301\u0301:0,1,2,3");
}

TEST(Charsmap, TakesTheShortestOfTheKeysThatMatch) {
  const Charsmap map(charsmap_blob({{"e", "x"}, {"e\u0301", "é"}}), "test");
  EXPECT_EQ(applied(map, "e\u0301"), "x:0");
}

TEST(Charsmap, ReplacesNothingByDefault) {
  EXPECT_TRUE(Charsmap().is_empty());
  EXPECT_EQ(applied(Charsmap(), "ab"), "ab:0,1");
}

TEST(Charsmap, RefusesATableCutShortAnywhere) {
  const std::string blob = small_charsmap();
  for (std::size_t size = 0; size < blob.size(); ++size)
    EXPECT_THROW(Charsmap(blob.substr(0, size), "test"), DataError);
}

TEST(Charsmap, RefusesATrieThatLeadsIntoItself) {
  // Unit 1 is the child 'a' of unit 0 and, by its offset, of itself.
  std::string blob = little_endian(4 * 128) + little_endian(std::uint32_t{96 ^ 'a'} << 10);
  for (std::uint32_t i = 1; i < 128; ++i) {
    const std::uint32_t base = 96 ^ 'a' ^ i;
    blob += little_endian(i == (96U ^ 'a' ^ 'a') ? 'a' | (i ^ (96U ^ 'a')) << 10 : base * 0);
  }
  expect_refusal(blob, "a key is endless");
}

// 5 KB whose three levels share their children have 255^3 keys.
TEST(Charsmap, RefusesATrieThatUnfoldsToMillionsOfKeys) {
  constexpr std::uint32_t kBase[] = {256, 512, 768, 1024};
  std::vector<std::uint32_t> units(1280, 0);
  units[0] = kBase[0] << 10;
  for (int level = 0; level < 3; ++level) {
    for (std::uint32_t label = 1; label < 256; ++label) {
      const std::uint32_t node = kBase[level] ^ label;
      units[node] = (node ^ kBase[level + 1]) << 10 | (level == 2 ? 1U << 8 : 0) | label;
    }
  }
  units[kBase[3]] = 1U << 31;
  std::string blob = little_endian(static_cast<std::uint32_t>(4 * units.size()));
  for (const std::uint32_t unit : units) blob += little_endian(unit);
  expect_refusal(blob + std::string("x\0", 2), "its trie has too many nodes");
}

TEST(Charsmap, RefusesALeafOutsideTheTrie) {
  std::string blob = little_endian(4 * 128) + little_endian(0);
  for (std::uint32_t i = 1; i < 128; ++i) blob += little_endian(i == 'a' ? 'a' | 1U << 8 | 5000U << 10 : 0);
  expect_refusal(blob, "its trie leads out of itself");
}

TEST(Charsmap, RefusesReplacementsOutsideTheirTexts) {
  std::string blob = little_endian(4 * 128) + little_endian(0);
  for (std::uint32_t i = 1; i < 128; ++i)
    blob += little_endian(i == 'a' ? 'a' | 1U << 8 | std::uint32_t{'a' ^ 100} << 10 : i == 100 ? 1U << 31 | 7 : 0);
  expect_refusal(blob + std::string("short\0", 6), "a replacement lies outside");
}

TEST(Charsmap, RefusesReplacementsThatAreNoUtf8) {
  expect_refusal(charsmap_blob({{"x", "\xFF"}}), "a replacement is not valid UTF-8");
}

TEST(Base64, IsDecoded) {
  EXPECT_EQ(decode_base64(""), "");
  EXPECT_EQ(decode_base64("aGVsbG8="), "hello");
  EXPECT_EQ(decode_base64("AP+/"), std::string("\0\xFF\xBF", 3));
}

TEST(Base64, IsRefusedWhenItIsNone) {
  EXPECT_EQ(decode_base64("aGV"), std::nullopt);
  EXPECT_EQ(decode_base64("a=Vs"), std::nullopt);
  EXPECT_EQ(decode_base64("aG V"), std::nullopt);
}

}  // namespace
}  // namespace bertft::tokenizer
