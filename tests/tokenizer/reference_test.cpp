// The tokens of the slow reference, from texts in which everything stands beside everything.

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "tokenizer/reference_tokenizer.h"

namespace bertft::tokenizer {
namespace {

const std::vector<std::string> kPieces = {"[UNK]",  "[MASK]", "a",        "##a",    "b",       "##b",    "ab",
                                          "##ab",   "abba",   "Ab",       "1",      "i",       "##i",    "##\u0307",
                                          "\u0307", "e",      "\u00e9",   "##e",    "\u4e00",  "\u03b1", ";",
                                          "-",      "\u1100", "##\u1161", "\u1ebf", "abababab"};

// Letters in either case; digits; ASCII and other punctuation, some of it made by decomposition;
// white space; dropped; marks that change places; ideographs; Hangul; beyond the BMP.
const std::vector<std::string> kParts = {
    "a",      "b",      "A",      "B",      "ab",         "abba",       "i",          "e",         "1",      "abababab",
    ";",      "-",      "[",      "[MASK]", " ",          "\t",         "\u00a0",     "\u3000",    "\x01",   "\u0085",
    "\u200b", "\u00ad", "\u00e9", "\u00c9", "\u1ebf",     "\u0130",     "\u0307",     "\u0301",    "\u0323", "\u0344",
    "\u302a", "\u0903", "\u094d", "\u037e", "\u0387",     "\u2019",     "\u03b1",     "\u0391",    "\u03a3", "\u4e00",
    "\uf900", "\uac00", "\u1100", "\u1161", "\U0001F600", "\U00020000", "\U0001D165", "\U00010400"};

std::string random_text(std::mt19937& random, const std::vector<std::string>& parts) {
  std::string text;
  for (auto left = random() % 20; left > 0; --left) text += parts[random() % parts.size()];
  return text;
}

// The fast path and the slow one, from texts in which `more` stands too.
void expect_tokens_of_reference(const std::vector<AddedToken>& added, const std::vector<std::string>& more) {
  std::vector<Vocabulary::Piece> pieces;
  for (const std::string& text : kPieces) pieces.push_back({text, static_cast<std::uint32_t>(pieces.size())});
  std::vector<std::string> parts = kParts;
  parts.insert(parts.end(), more.begin(), more.end());
  std::mt19937 random(1);
  for (unsigned settings = 0; settings < 32; ++settings) {
    WordPieceModel model{.vocabulary = Vocabulary(pieces, "##"), .added_tokens = added};
    model.normalizer = {(settings & 1) != 0, (settings & 2) != 0, (settings & 4) != 0, (settings & 8) != 0};
    model.max_input_chars_per_word = (settings & 16) != 0 ? 5 : 100;
    const ReferenceTokenizer reference(pieces, added, model.special_ids.unk, model.normalizer,
                                       model.max_input_chars_per_word);
    const WordPieceTokenizer tokenizer(std::move(model));
    for (int i = 0; i < 2000; ++i) {
      const std::string text = random_text(random, parts);
      std::vector<Token> tokens;
      tokenizer.encode(text, tokens);
      ASSERT_EQ(tokens, reference.encode(text)) << testing::PrintToString(text) << " with settings " << settings;
    }
  }
}

TEST(WordPieceTokenizer, GivesTheTokensOfTheReferenceWhateverTheTextAndTheSettings) {
  expect_tokens_of_reference({{"[MASK]", 1, true}}, {});
}

TEST(WordPieceTokenizer, FindsTokensInNormalizedTextAsTheReferenceDoes) {
  expect_tokens_of_reference({{"[MASK]", 1, true},
                              {"[b]", 2, true, false, true},
                              {"[B]a", 3, false, true, true},
                              {"\u00e9", 4, false, false, true},
                              {"\u4e00", 5, false, true, true}},
                             {"[b]", "[B]", "[b]a", "[\u200bB]", "[b\u0301]", "E"});
}

}  // namespace
}  // namespace bertft::tokenizer
