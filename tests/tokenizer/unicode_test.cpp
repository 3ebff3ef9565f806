// Independent figures: counted in tokenizers 0.23.3.

#include "tokenizer/unicode.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <string>

namespace bertft::tokenizer {
namespace {

std::size_t count(CodePointFlags flag) {
  const auto flags = code_point_flags();
  return static_cast<std::size_t>(
      std::count_if(flags.begin(), flags.end(), [&](std::uint8_t f) { return (f & flag) != 0; }));
}

std::u32string lower(char32_t code_point) {
  std::array<char32_t, 2> out;
  const auto mapped = lower_case(code_point, out);
  return {mapped.begin(), mapped.end()};
}

std::u32string decomposed(char32_t code_point) {
  std::array<char32_t, 4> out;
  const auto mapped = canonical_decomposition(code_point, out);
  return {mapped.begin(), mapped.end()};
}

TEST(Unicode, DropsAsManyCodePointsAsTheCrate) {
  EXPECT_EQ(count(kDropped), 137'681U);
}

TEST(Unicode, StripsAsManyAccentsAsTheCrate) {
  EXPECT_EQ(count(kAccent), 1'567U);
}

TEST(Unicode, IsolatesAsMuchPunctuationAsTheCrate) {
  EXPECT_EQ(count(kPunctuation), 726U);
}

TEST(Unicode, KnowsThe25WhiteSpaces) {
  EXPECT_EQ(count(kWhiteSpace), 25U);
}

// Of Unicode 16.0, whatever version utf8proc has.
TEST(Unicode, SplitsByAsManyLettersAndNumbersAsTheCrate) {
  const auto classes = split_classes();
  EXPECT_EQ(std::ranges::count(classes, SplitClass::kLetter), 141'028);
  EXPECT_EQ(std::ranges::count(classes, SplitClass::kNumber), 1'911);
  EXPECT_EQ(std::ranges::count(classes, SplitClass::kWhiteSpace), 25);
  EXPECT_EQ(classes[0x1C89], SplitClass::kLetter) << "of 16.0";
}

TEST(Unicode, LeavesOutThe256IdeographsThatTheCrateLeavesOut) {
  EXPECT_TRUE(code_point_flags()[0x2B81F] & kIdeograph);
  EXPECT_FALSE(code_point_flags()[0x2B820] & kIdeograph);
  EXPECT_FALSE(code_point_flags()[0x2B91F] & kIdeograph);
  EXPECT_TRUE(code_point_flags()[0x2B920] & kIdeograph);
}

TEST(Unicode, LowerCasesSigmaWithoutLookingAround) {
  EXPECT_EQ(lower(U'Σ'), U"σ");
}

TEST(Unicode, LowerCasesDottedCapitalIToTwoCodePoints) {
  EXPECT_EQ(lower(0x130), U"i\u0307");
}

TEST(Unicode, LowerCasesLettersOfUnicode17) {
  EXPECT_EQ(lower(0xA7CB), U"\u0264");
  EXPECT_EQ(lower(0x10D65), U"\U00010D85");
  EXPECT_EQ(lower(0x16EA1), U"\U00016EBC");
}

TEST(Unicode, LeavesLettersWithoutCaseAlone) {
  EXPECT_EQ(lower(U'中'), U"中");
}

TEST(Unicode, DecomposesHangulByRule) {
  EXPECT_EQ(decomposed(U'한'), U"\u1112\u1161\u11AB");
}

TEST(Unicode, DoesNotDecomposeForCompatibility) {
  EXPECT_EQ(decomposed(U'ﬁ'), U"ﬁ");
}

TEST(Unicode, DecomposesNoLetterThatUnicode9LacksADecompositionFor) {
  EXPECT_EQ(decomposed(0x11938), U"\U00011938");
}

std::u32string compatibly_decomposed(char32_t code_point) {
  std::array<char32_t, 18> out;
  const auto mapped = compatibility_decomposition(code_point, out);
  return {mapped.begin(), mapped.end()};
}

TEST(Unicode, DecomposesForCompatibilityWhereAsked) {
  EXPECT_EQ(compatibly_decomposed(U'ﬁ'), U"fi");
  EXPECT_EQ(compatibly_decomposed(U'한'), U"\u1112\u1161\u11AB");
  EXPECT_EQ(compatibly_decomposed(U'a'), U"a");
  EXPECT_EQ(compatibly_decomposed(0xFDFA).size(), 18U);
}

TEST(Unicode, DecomposesNothingForCompatibilityThatIsYoungerThanUnicode9) {
  EXPECT_EQ(compatibly_decomposed(0x32FF), U"\u32FF");
  EXPECT_EQ(compatibly_decomposed(0x1E030), U"\U0001E030");
}

TEST(Unicode, KnowsAsManyMarksAsTheCrate) {
  std::size_t count = 0;
  for (char32_t c = 0; c < 0x110000; ++c) count += is_mark(c);
  EXPECT_EQ(count, 2'097U);
}

// utf8proc 2.8, 2.9, 2.10 and 2.11 know four versions of Unicode.
TEST(Unicode, IsTheSameWithEveryVersionOfUtf8proc) {
  std::uint64_t sum = 0xcbf29ce484222325ULL;  // FNV-1a
  const auto add = [&](char32_t value) { sum = (sum ^ value) * 0x100000001b3ULL; };
  for (char32_t c = 0; c < 0x110000; ++c) {
    add(code_point_flags()[c]);
    add(combining_class(c));
    add(is_mark(c) ? 1 : 0);
    for (const std::u32string& mapped : {lower(c), decomposed(c), compatibly_decomposed(c)}) {
      add(static_cast<char32_t>(mapped.size()));
      for (const char32_t m : mapped) add(m);
    }
  }
  EXPECT_EQ(sum, 0xa77e21d1e95986ebULL);
}

}  // namespace
}  // namespace bertft::tokenizer
