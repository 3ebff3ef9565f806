// What load_tokenizer() makes of directories with a spiece.model or a Unigram tokenizer.json, and
// how it refuses.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "bertft/tokenizer/tokenizer.h"
#include "bertft/util/error.h"
#include "bertft/util/json.h"
#include "temporary_directory.h"
#include "tokenizer/spiece_fixtures.h"
#include "tokenizer/tokenizer_fixtures.h"

namespace bertft::tokenizer {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

Json unigram_json(const std::vector<UnigramPiece>& pieces) {
  Json vocab = Json::array();
  for (const UnigramPiece& piece : pieces) vocab.push_back({piece.text, piece.score});
  return {{"added_tokens", Json::array()}, {"model", {{"type", "Unigram"}, {"unk_id", 1}, {"vocab", vocab}}}};
}

std::vector<UnigramPiece> without(const std::string& text) {
  std::vector<UnigramPiece> pieces = small_pieces();
  std::erase_if(pieces, [&](const UnigramPiece& piece) { return piece.text == text; });
  return pieces;
}

TEST(LoadAlbert, ReadsASpieceModel) {
  TemporaryDirectory model;
  model.write("spiece.model", spiece_model(small_pieces(), small_charsmap()));
  const auto tokenizer = load_tokenizer(model.path());
  EXPECT_THAT(ids_of(*tokenizer, "Hello [MASK] 9,"), ElementsAre(14, 15, 4, 5, 12, 11));
  EXPECT_EQ(tokenizer->vocabulary_size(), 21U);
}

TEST(LoadAlbert, ReadsATokenizerJsonWithItsScores) {
  TemporaryDirectory model;
  model.write("tokenizer.json", unigram_json(small_pieces()).dump());
  EXPECT_THAT(ids_of(*load_tokenizer(model.path()), "Hello 9,"), ElementsAre(14, 15, 5, 13));
}

TEST(LoadAlbert, ReadsATokenizerJsonOfTheTimeBeforeModelsHadAType) {
  TemporaryDirectory model;
  Json json = unigram_json(small_pieces());
  json["model"].erase("type");
  model.write("tokenizer.json", json.dump());
  model.write("config.json", R"({"model_type": "albert"})");
  EXPECT_THAT(ids_of(*load_tokenizer(model.path()), "Hello 9,"), ElementsAre(14, 15, 5, 13));
}

TEST(LoadAlbert, ReadsTheCharsmapOfATokenizerJson) {
  TemporaryDirectory model;
  Json json = unigram_json(small_pieces());
  json["normalizer"] = {{"type", "Precompiled"}, {"precompiled_charsmap", "CAAAAAAEAAABAAAA"}};
  model.write("tokenizer.json", json.dump());
  EXPECT_THAT(ids_of(*load_tokenizer(model.path()), "a"), ElementsAre(8));
  json["normalizer"]["precompiled_charsmap"] = "not base64";
  model.write("tokenizer.json", json.dump());
  expect_refusal<DataError>(model, "'precompiled_charsmap' is not base64");
  json["normalizer"]["precompiled_charsmap"] = "/////w==";
  model.write("tokenizer.json", json.dump());
  expect_refusal<DataError>(model, "(precompiled_charsmap) is damaged");
}

TEST(LoadAlbert, PrefersTokenizerJson) {
  TemporaryDirectory model;
  model.write("tokenizer.json", unigram_json(small_pieces()).dump());
  model.write("spiece.model", spiece_model(small_pieces()));
  EXPECT_THAT(ids_of(*load_tokenizer(model.path()), "9,"), ElementsAre(5, 13));
}

TEST(LoadAlbert, RefusesFilesThatContradictEachOther) {
  TemporaryDirectory model;
  model.write("tokenizer.json", unigram_json(small_pieces()).dump());
  model.write("spiece.model", spiece_model(without("ab")));
  expect_refusal<DataError>(model, "tokenizer.json and spiece.model differ from piece 9 on (21 and 20 pieces)");
}

TEST(LoadAlbert, NamesEachMissingSpecialToken) {
  for (const std::string token : {"<unk>", "[CLS]", "[SEP]"}) {
    TemporaryDirectory model;
    model.write("spiece.model", spiece_model(without(token)));
    expect_refusal<DataError>(model, "spiece.model: the vocabulary has no '" + token + "'; ALBERT needs it as ");
  }
}

TEST(LoadAlbert, DoesWithoutMask) {
  TemporaryDirectory model;
  model.write("spiece.model", spiece_model(without("[MASK]")));
  EXPECT_EQ(load_tokenizer(model.path())->vocabulary_size(), 21U) << "as transformers numbers it";
  model.write("config.json", R"({"model_type": "albert", "vocab_size": 20})");
  EXPECT_EQ(load_tokenizer(model.path())->vocabulary_size(), 20U);
}

TEST(LoadAlbert, RefusesAnUnknownTokenAtAnotherPlace) {
  TemporaryDirectory model;
  std::vector<UnigramPiece> pieces = small_pieces();
  std::swap(pieces[0], pieces[1]);
  model.write("spiece.model", spiece_model(pieces));
  expect_refusal<ConfigError>(model, "'<unk>' has id 0; ALBERT has 1 there");
}

TEST(LoadAlbert, RefusesAnotherSentencepieceModel) {
  TemporaryDirectory model;
  model.write("spiece.model", spiece_model(small_pieces(), {}, spiece::kBpe));
  expect_refusal<ConfigError>(model, "spiece.model: a sentencepiece model of type BPE");
}

TEST(LoadAlbert, RefusesADirectoryInThePlaceOfTheModel) {
  TemporaryDirectory model;
  std::filesystem::create_directory(model / "spiece.model");
  expect_refusal<InputError>(model, "spiece.model");
}

TEST(LoadAlbert, NamesTheClassAndTheFileThatAskForAMissingOne) {
  const std::string vocabulary = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n", spiece = spiece_model(small_pieces());
  const struct {
    const char *present, *asking, *tokenizer_class, *refusal;
  } cases[] = {
      {"vocab.txt", "tokenizer_config.json", "AlbertTokenizer",
       "spiece.model is missing; tokenizer_config.json names AlbertTokenizer"},
      {"spiece.model", "tokenizer_config.json", "BertTokenizer",
       "vocab.txt is missing; tokenizer_config.json names BertTokenizer"},
      {"spiece.model", "config.json", "DistilBertTokenizerFast",
       "vocab.txt is missing; config.json names DistilBertTokenizerFast, which needs it"},
  };
  for (const auto& [present, asking, tokenizer_class, refusal] : cases) {
    TemporaryDirectory model;
    model.write(present, present == std::string("vocab.txt") ? vocabulary : spiece);
    model.write(asking, nlohmann::json{{"tokenizer_class", tokenizer_class}}.dump());
    expect_refusal<InputError>(model, refusal);
  }
}

TEST(LoadAlbert, RefusesBertsClassForAUnigram) {
  TemporaryDirectory model;
  model.write("tokenizer_config.json", R"({"tokenizer_class": "BertTokenizer"})");
  model.write("spiece.model", spiece_model(small_pieces()));
  model.write("tokenizer.json", unigram_json(small_pieces()).dump());
  expect_refusal<ConfigError>(model, "set \"tokenizer_class\": \"AlbertTokenizer\" or \"XLMRobertaTokenizer\" in");
}

TEST(LoadAlbert, IsPreferredToAVocabTxtWhereTheModelIsAlbert) {
  TemporaryDirectory model;
  model.write("vocab.txt", "[PAD]\n[UNK]\n[CLS]\n[SEP]\nhello\n");
  model.write("spiece.model", spiece_model(small_pieces()));
  EXPECT_THAT(load_tokenizer(model.path())->description(), HasSubstr("WordPiece"));
  model.write("config.json", R"({"model_type": "albert"})");
  EXPECT_THAT(load_tokenizer(model.path())->description(), HasSubstr("Unigram"));
  std::filesystem::remove(model / "spiece.model");
  EXPECT_THAT(load_tokenizer(model.path())->description(), HasSubstr("WordPiece"));
}

TEST(LoadAlbert, RefusesASpieceModelAloneWhereTheModelIsAnother) {
  TemporaryDirectory model;
  model.write("config.json", R"({"model_type": "distilbert"})");
  model.write("spiece.model", spiece_model(small_pieces()));
  expect_refusal<ConfigError>(model,
                              "spiece.model is the tokenizer of ALBERT, and config.json says model_type 'distilbert'");
}

TEST(LoadAlbert, SaysWhereItsFilesDisagree) {
  TemporaryDirectory model;
  model.write("spiece.model", spiece_model(small_pieces(), small_charsmap()));
  Json json = unigram_json(small_pieces());
  json["model"]["vocab"][8][1] = -7.5;
  model.write("tokenizer.json", json.dump());
  EXPECT_THAT(load_tokenizer(model.path())->description(),
              ::testing::AllOf(HasSubstr("spiece.model has others"), HasSubstr("spiece.model says otherwise")));
}

TEST(LoadAlbert, PassesOverADamagedSpieceModelBesideATokenizerJsonAndSaysSo) {
  TemporaryDirectory model;
  model.write("spiece.model", "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 760289\n");
  model.write("tokenizer.json", unigram_json(small_pieces()).dump());
  const auto tokenizer = load_tokenizer(model.path());
  EXPECT_THAT(ids_of(*tokenizer, "9,"), ElementsAre(5, 13));
  EXPECT_THAT(tokenizer->remarks(), ::testing::Contains("spiece.model cannot be read, tokenizer.json counts"));
}

TEST(LoadAlbert, RefusesItsClassForAWordPiece) {
  TemporaryDirectory model;
  model.write("tokenizer_config.json", R"({"tokenizer_class": "AlbertTokenizerFast"})");
  model.write("tokenizer.json", R"({"model": {"type": "WordPiece", "vocab": {"a": 0}}})");
  expect_refusal<ConfigError>(model, "the tokenizer model is 'WordPiece'; AlbertTokenizer has a Unigram model");
  expect_refusal<ConfigError>(model, "If these are they, set \"tokenizer_class\": \"BertTokenizer\" in");
}

TEST(LoadAlbert, RefusesEntriesThatAreNoPieces) {
  for (const char* entry : {"\"a\"", "[\"a\"]", "[1, 2]", "[\"a\", \"b\"]", "[\"a\", -1, 0]", "null"}) {
    TemporaryDirectory model;
    model.write("tokenizer.json",
                std::string(R"({"model": {"type": "Unigram", "vocab": [["<pad>", 0], )") + entry + "]}}");
    expect_refusal<DataError>(model, "entry 1 of 'vocab' is not a piece with its score");
  }
}

TEST(LoadAlbert, RefusesAnotherTemplate) {
  TemporaryDirectory model;
  Json json = unigram_json(small_pieces());
  json["post_processor"] = {{"type", "RobertaProcessing"}};
  model.write("tokenizer.json", json.dump());
  expect_refusal<ConfigError>(model, "the post_processor is not ALBERT's");
}

TEST(LoadAlbert, RefusesWordsWithoutASpaceBefore) {
  TemporaryDirectory model;
  model.write("spiece.model", spiece_model(small_pieces()));
  model.write("tokenizer_config.json", R"({"add_prefix_space": false})");
  expect_refusal<ConfigError>(model, "add_prefix_space is false, which is not supported");
}

TEST(LoadAlbert, RefusesMorePiecesThanTheModelHas) {
  TemporaryDirectory model;
  model.write("spiece.model", spiece_model(small_pieces()));
  model.write("config.json", R"({"model_type": "albert", "vocab_size": 20})");
  expect_refusal<DataError>(model, "the tokenizer has 21 pieces, the model's config.json says vocab_size 20");
}

TEST(LoadAlbert, KeepsSymbolsWholeThatTheFileDeclares) {
  TemporaryDirectory model;
  Json json = unigram_json(small_pieces());
  json["added_tokens"] = Json::parse(R"([{"id": 10, "content": "\"", "special": false, "normalized": false}])");
  model.write("tokenizer.json", json.dump());
  EXPECT_THAT(ids_of(*load_tokenizer(model.path()), "a\"a"), ElementsAre(8, 10, 8));
}

TEST(LoadAlbert, LetsMaskTakeTheSpacesBeforeItWhenTheFileSaysSo) {
  TemporaryDirectory model;
  model.write("spiece.model", spiece_model(small_pieces()));
  model.write("tokenizer_config.json",
              R"({"mask_token": {"content": "[MASK]", "lstrip": true, "special": true, "normalized": false},
                  "added_tokens_decoder": {"4": {"content": "[MASK]", "lstrip": true, "special": true}}})");
  std::vector<Token> tokens;
  load_tokenizer(model.path())->encode("a  [MASK]", tokens);
  EXPECT_EQ(tokens.at(1), (Token{4, 1, 9}));
}

}  // namespace
}  // namespace bertft::tokenizer
