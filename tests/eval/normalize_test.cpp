#include "eval/normalize.h"

#include <gtest/gtest.h>

#include "bertft/eval/metric.h"

// Expected values are what CPython 3.11 prints; tests/parity/metric_parity.py compares every code point.

namespace bertft::eval {
namespace {

TEST(NormalizeAnswer, LowersAndDropsAsciiPunctuation) {
  EXPECT_EQ(normalize_answer("Rock 'n' Roll!"), "rock n roll");
  EXPECT_EQ(normalize_answer("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"), "");
}

TEST(NormalizeAnswer, KeepsPunctuationBeyondAscii) {
  EXPECT_EQ(normalize_answer("“Yes”…"), "“yes”…");
}

TEST(NormalizeAnswer, DropsArticlesThatAreWholeWords) {
  EXPECT_EQ(normalize_answer("The cat and an Apple, a theatre"), "cat and apple theatre");
  EXPECT_EQ(normalize_answer("An a the"), "");
}

TEST(NormalizeAnswer, JoinsWordsAcrossPunctuationBeforeItLooksForArticles) {
  EXPECT_EQ(normalize_answer("a-b"), "ab");
  EXPECT_EQ(normalize_answer("t.h.e"), "");
}

TEST(NormalizeAnswer, EndsAWordAtACodePointThatIsNotAlphanumeric) {
  EXPECT_EQ(normalize_answer("a\u0301b"), "\u0301b");                 // a combining mark is no word character
  EXPECT_EQ(normalize_answer("a\u200Bb"), "\u200Bb");                 // nor is a zero-width space
  EXPECT_EQ(normalize_answer("a\u00B2 a\u4E2D"), "a\u00B2 a\u4E2D");  // superscript two and Han are
}

TEST(NormalizeAnswer, SplitsAtEveryUnicodeSpaceButNotAtZeroWidth) {
  EXPECT_EQ(normalize_answer("\u3000x\u00A0\u2003y\x1Cz\u0085"), "x y z");
  EXPECT_EQ(normalize_answer("x\u200By"), "x\u200By");
}

TEST(NormalizeAnswer, OfNothingIsNothing) {
  EXPECT_EQ(normalize_answer(""), "");
  EXPECT_EQ(normalize_answer(" \t\u3000"), "");
}

TEST(PythonLower, MakesTwoCodePointsOfADottedCapitalI) {
  EXPECT_EQ(python_lower(U"İI"), U"i\u0307i");
}

TEST(PythonLower, EndsAWordWithTheFinalSigma) {
  EXPECT_EQ(python_lower(U"ΟΔΟΣ ΣΟΦΟΣ"), U"οδος σοφος");
  EXPECT_EQ(python_lower(U"Σ"), U"σ");
}

TEST(PythonLower, LooksForTheWordAroundASigmaAcrossIgnorableCharacters) {
  EXPECT_EQ(python_lower(U"Α\u0301Σ"), U"α\u0301ς");
  EXPECT_EQ(python_lower(U"ΑΣ'Α"), U"ασ'α");
  EXPECT_EQ(python_lower(U"ΑΣ-Α"), U"ας-α");
}

TEST(PythonLower, TakesCasedSymbolsForLetters) {
  EXPECT_EQ(python_lower(U"ⅧΣ"), U"ⅷς");
  EXPECT_EQ(python_lower(U"1Σ"), U"1σ");
}

}  // namespace
}  // namespace bertft::eval
