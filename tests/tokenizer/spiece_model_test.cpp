// What is read of a spiece.model, and how a damaged one is refused.

#include "tokenizer/spiece_model.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <random>
#include <string>

#include "bertft/util/error.h"
#include "message_of.h"
#include "tokenizer/spiece_fixtures.h"

namespace bertft::tokenizer {
namespace {

using ::testing::HasSubstr;

template <class Error = DataError>
void expect_refusal(const std::string& bytes, const std::string& message) {
  EXPECT_THAT(message_of<Error>([&] { parse_spiece_model(bytes, "spiece.model"); }), HasSubstr(message));
}

TEST(SpieceModel, HasItsPiecesScoresAndCharsmap) {
  const SpieceModel model = parse_spiece_model(spiece_model(small_pieces(), small_charsmap()), "spiece.model");
  EXPECT_EQ(model.pieces, small_pieces());
  EXPECT_EQ(model.charsmap, small_charsmap());
}

TEST(SpieceModel, HasNoCharsmapWhenTheFileHasNone) {
  EXPECT_EQ(parse_spiece_model(spiece_model(small_pieces()), "spiece.model").charsmap, "");
}

TEST(SpieceModel, IsRefusedCutShortAnywhere) {
  const std::string bytes = spiece_model(small_pieces(), small_charsmap());
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_THROW(parse_spiece_model(bytes.substr(0, size), "spiece.model"), DataError) << size;
  }
}

TEST(SpieceModel, IsRefusedWithThePlaceOfTheDamage) {
  std::string bytes = spiece_model(small_pieces());
  bytes[2] = '\x7F';  // the key of the first piece's text
  expect_refusal(bytes, "spiece.model: damaged or cut short at byte 2; expected a sentencepiece model");
}

TEST(SpieceModel, IsRefusedAsWhatElseItIs) {
  expect_refusal("", "the file is empty");
  expect_refusal("version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "a Git LFS pointer");
  expect_refusal("<!DOCTYPE html><html></html>", "a web page");
  expect_refusal("{\"error\": 404}", "JSON");
  expect_refusal("\x80\x04\x95", "a Python pickle");
  expect_refusal("PK\x03\x04", "a zip archive");
}

TEST(SpieceModel, IsRefusedWhenItIsNoUnigramModel) {
  expect_refusal<ConfigError>(spiece_model(small_pieces(), {}, spiece::kBpe),
                              "of type BPE; ALBERT's and XLM-RoBERTa's are Unigram");
  expect_refusal<ConfigError>(spiece_model(small_pieces(), {}, spiece::kWord), "of type word");
  expect_refusal<ConfigError>(spiece_model(small_pieces(), {}, spiece::kChar), "of type char");
  expect_refusal<ConfigError>(spiece_model(small_pieces(), {}, 77), "of type unknown");
}

TEST(SpieceModel, IsRefusedWithImpossiblePieces) {
  const auto with = [](const UnigramPiece& piece) {
    std::vector<UnigramPiece> pieces = small_pieces();
    pieces.push_back(piece);
    return spiece_model(pieces);
  };
  expect_refusal(with({"", -1}), "the piece '' with id 21 is empty");
  expect_refusal(with({"ab", -1}), "the piece 'ab' with id 21 occurs twice");
  expect_refusal(with({"\xFF", -1}), "is not valid UTF-8");
  expect_refusal(with({std::string("c\0d", 3), -1}), "holds a NUL");
  expect_refusal(with({std::string(200'000, 'c'), -1}), "is longer than any word");
  expect_refusal(with({"c", std::numeric_limits<double>::quiet_NaN()}), "has an impossible score");
  expect_refusal(with({"c", -std::numeric_limits<double>::infinity()}), "has an impossible score");
  expect_refusal(spiece_model({}), "the vocabulary is empty");
}

TEST(SpieceModel, IsReadOrRefusedWhateverItsBytes) {
  std::mt19937 random(7);
  for (int i = 0; i < 20'000; ++i) {
    std::string bytes = spiece_model(small_pieces(), small_charsmap());
    for (unsigned n = random() % 4 + 1; n > 0; --n) bytes[random() % bytes.size()] = static_cast<char>(random());
    try {
      parse_spiece_model(bytes, "spiece.model");
    } catch (const DataError&) {
    } catch (const ConfigError&) {
    }
  }
}

TEST(SpieceModel, LowersTheScoresOfPiecesThatEndInADigitAndAComma) {
  std::vector<UnigramPiece> pieces = {{"9,", -4}, {"▁1,", -5}, {"٣,", -6}, {",", -3}, {"a,", -7}, {"9,9", -8}};
  lower_scores_of_digit_and_comma(pieces);
  EXPECT_EQ(pieces,
            (std::vector<UnigramPiece>{{"9,", -104}, {"▁1,", -105}, {"٣,", -106}, {",", -3}, {"a,", -7}, {"9,9", -8}}));
}

}  // namespace
}  // namespace bertft::tokenizer
