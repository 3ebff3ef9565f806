// What load_tokenizer() accepts and how it refuses. That it reads directories as transformers does is shown by
// tests/parity/tokenizer_parity.py.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "bertft/tokenizer/files.h"
#include "bertft/tokenizer/tokenizer.h"
#include "bertft/util/error.h"
#include "bertft/util/json.h"
#include "temporary_directory.h"
#include "tokenizer/tokenizer_fixtures.h"

namespace bertft::tokenizer {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr const char* kVocabulary = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nhello\nx\n##x\n";
constexpr const char* kWordPiece =
    R"({"added_tokens": [], "model": {"type": "WordPiece", "unk_token": "[UNK]", "vocab":
        {"[PAD]": 0, "[UNK]": 1, "[CLS]": 2, "[SEP]": 3, "hello": 4}}})";

ModelFacts facts(const std::string& model_type, bool has_token_types = true,
                 const std::optional<std::string>& tokenizer_class = {}) {
  return {.num_embeddings = 8,
          .has_token_types = has_token_types,
          .model_type = model_type,
          .tokenizer_class = tokenizer_class};
}

TEST(LoadTokenizer, ReadsAVocabTxt) {
  TemporaryDirectory model;
  model.write("vocab.txt", kVocabulary);
  const auto tokenizer = load_tokenizer(model.path());
  EXPECT_THAT(ids_of(*tokenizer, "Hello xx [MASK]"), ElementsAre(5, 6, 7, 4));
  EXPECT_EQ(tokenizer->special_ids().unk, 1U);
  EXPECT_EQ(tokenizer->special_ids().cls, 2U);
  EXPECT_EQ(tokenizer->special_ids().sep, 3U);
}

TEST(LoadTokenizer, SaysThatLowerCaseIsADefault) {
  TemporaryDirectory model;
  model.write("vocab.txt", kVocabulary);
  EXPECT_THAT(load_tokenizer(model.path())->description(), HasSubstr("lower case; by default"));
}

TEST(LoadTokenizer, SaysWhereTransformersGivesNoTokenTypes) {
  TemporaryDirectory model;
  model.write("vocab.txt", kVocabulary);
  const auto says_so = [&](const char* tokenizer_config, bool has_token_types = true) {
    model.write("tokenizer_config.json", tokenizer_config);
    const std::string told = load_tokenizer(model.path(), facts("bert", has_token_types))->description();
    return told.find("token types 0 and 1") != std::string::npos;
  };
  EXPECT_FALSE(says_so(R"({"do_lower_case": true})"));
  EXPECT_FALSE(says_so(R"({"tokenizer_class": "BertTokenizer"})"));
  EXPECT_TRUE(says_so(R"({"tokenizer_class": "DistilBertTokenizer"})"));
  EXPECT_TRUE(says_so(R"({"model_input_names": ["input_ids", "attention_mask"]})"));
  EXPECT_FALSE(says_so(R"({"tokenizer_class": "DistilBertTokenizer", "model_input_names": ["token_type_ids"]})"));
  EXPECT_FALSE(says_so(R"({"tokenizer_class": "DistilBertTokenizer"})", false));
}

TEST(LoadTokenizer, TakesLineNumbersForIdsWithCrLf) {
  TemporaryDirectory model;
  model.write("vocab.txt", "[PAD]\r\n[UNK]\r\n[CLS]\r\n[SEP]\r\nx\r\n");
  EXPECT_THAT(ids_of(*load_tokenizer(model.path()), "x"), ElementsAre(4));
}

TEST(LoadTokenizer, SplitsLinesAtLineFeedsOnly) {
  TemporaryDirectory model;
  model.write("vocab.txt", "[PAD]\n[UNK]\n[CLS]\n[SEP]\n\u2028\na\u2028b\nx\n");
  EXPECT_THAT(ids_of(*load_tokenizer(model.path()), "x"), ElementsAre(6));
}

TEST(LoadTokenizer, CountsBlankLines) {
  TemporaryDirectory model;
  model.write("vocab.txt", "[PAD]\n[UNK]\n\n[CLS]\n[SEP]\nx\n");
  EXPECT_THAT(ids_of(*load_tokenizer(model.path()), "x"), ElementsAre(5));
}

TEST(LoadTokenizer, GivesADuplicateTheLastLineAndSaysSo) {
  TemporaryDirectory model;
  model.write("vocab.txt", "[PAD]\n[UNK]\n[CLS]\n[SEP]\nx\ny\nx\n");
  const auto tokenizer = load_tokenizer(model.path());
  EXPECT_THAT(ids_of(*tokenizer, "x y"), ElementsAre(6, 5));
  EXPECT_THAT(tokenizer->description(), HasSubstr("1 of them duplicates"));
}

TEST(LoadTokenizer, ReadsALastLineWithoutLineFeed) {
  TemporaryDirectory model;
  model.write("vocab.txt", "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nx");
  EXPECT_EQ(load_tokenizer(model.path())->vocabulary_size(), 6U);
}

TEST(LoadTokenizer, RefusesAByteOrderMark) {
  TemporaryDirectory model;
  model.write("vocab.txt", std::string("\xEF\xBB\xBF") + kVocabulary);
  expect_refusal<DataError>(model, "vocab.txt:1:1: error: the file begins with a byte-order mark");
}

TEST(LoadTokenizer, NamesWhatStandsInThePlaceOfAVocabulary) {
  TemporaryDirectory model;
  model.write("vocab.txt", "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 231508\n");
  expect_refusal<DataError>(model, "vocab.txt: a Git LFS pointer, not the file itself; fetch");
  model.write("vocab.txt", "<!DOCTYPE html>\n<html>\n");
  expect_refusal<DataError>(model, "vocab.txt: a web page");
}

TEST(LoadTokenizer, RefusesInvalidUtf8WithItsPlace) {
  TemporaryDirectory model;
  model.write("vocab.txt", "[PAD]\nab\xFF\n");
  expect_refusal<DataError>(model, "vocab.txt:2:3: error: not valid UTF-8");
}

TEST(LoadTokenizer, RefusesAnOverlongLine) {
  TemporaryDirectory model;
  model.write("vocab.txt", "[PAD]\n" + std::string(100'000, 'a'));
  expect_refusal<DataError>(model, "vocab.txt:2:1: error: a piece of 100000 bytes");
}

TEST(LoadTokenizer, RefusesAnEmptyVocabulary) {
  TemporaryDirectory model;
  model.write("vocab.txt", "\n\n");
  expect_refusal<DataError>(model, "holds no pieces");
}

TEST(LoadTokenizer, NamesEachMissingSpecialToken) {
  for (const std::string token : {"[UNK]", "[CLS]", "[SEP]"}) {
    TemporaryDirectory model;
    std::string vocabulary = kVocabulary;
    model.write("vocab.txt", vocabulary.replace(vocabulary.find(token), token.size(), "other"));
    expect_refusal<DataError>(model, "the vocabulary has no '" + token + "'");
  }
}

TEST(LoadTokenizer, DoesWithoutPad) {
  TemporaryDirectory model;
  std::string vocabulary = kVocabulary;
  model.write("vocab.txt", vocabulary.replace(vocabulary.find("[PAD]"), 5, "other"));
  EXPECT_THAT(ids_of(*load_tokenizer(model.path()), "other"), ElementsAre(0));
}

TEST(LoadTokenizer, DoesWithoutMask) {
  TemporaryDirectory model;
  model.write("vocab.txt", "[PAD]\n[UNK]\n[CLS]\n[SEP]\nmask\n");
  EXPECT_THAT(ids_of(*load_tokenizer(model.path()), "[MASK]"), ElementsAre(5)) << "as transformers numbers it";
  model.write("config.json", R"({"vocab_size": 5})");
  EXPECT_THAT(ids_of(*load_tokenizer(model.path()), "[MASK]"), ElementsAre(1, 4, 1));
}

TEST(LoadTokenizer, RefusesMorePiecesThanTheModelHas) {
  TemporaryDirectory model;
  model.write("vocab.txt", kVocabulary);
  model.write("config.json", R"({"model_type": "bert", "vocab_size": 7})");
  expect_refusal<DataError>(model, "the tokenizer has 8 pieces, the model's config.json says vocab_size 7");
}

TEST(LoadTokenizer, AcceptsAPaddedVocabularySize) {
  TemporaryDirectory model;
  model.write("vocab.txt", kVocabulary);
  model.write("config.json", R"({"model_type": "bert", "vocab_size": 16})");
  EXPECT_EQ(load_tokenizer(model.path())->vocabulary_size(), 8U);
}

TEST(LoadTokenizer, CountsNoBlankLinesAtTheEndOfAVocabulary) {
  TemporaryDirectory model;
  model.write("vocab.txt", std::string(kVocabulary) + "\n\n");
  model.write("config.json", R"({"model_type": "bert", "vocab_size": 8})");
  EXPECT_EQ(load_tokenizer(model.path())->vocabulary_size(), 8U);
}

TEST(LoadTokenizer, RefusesADirectoryWithoutTokenizer) {
  const TemporaryDirectory model;
  expect_refusal<InputError>(model,
                             "holds none of tokenizer.json, vocab.txt, spiece.model, vocab.json and "
                             "sentencepiece.bpe.model");
}

TEST(LoadTokenizer, RefusesADirectoryThatIsNotThere) {
  EXPECT_THROW(load_tokenizer("/nowhere/model"), InputError);
}

TEST(LoadTokenizer, RefusesAnotherModelTypeByName) {
  TemporaryDirectory model;
  model.write("tokenizer.json", R"({"model": {"type": "WordLevel", "vocab": {}}})");
  expect_refusal<ConfigError>(model, "the tokenizer model is 'WordLevel'; supported are WordPiece");
}

TEST(LoadTokenizer, TakesElectraAndDistilBertForBert) {
  for (const std::string family : {"Electra", "DistilBert", "MobileBert"}) {
    for (const std::string suffix : {"Tokenizer", "TokenizerFast"}) {
      TemporaryDirectory model;
      model.write("vocab.txt", kVocabulary);
      model.write("tokenizer_config.json", R"({"tokenizer_class": ")" + family + suffix + "\"}");
      EXPECT_THAT(ids_of(*load_tokenizer(model.path()), "Hello xx [MASK]"), ElementsAre(5, 6, 7, 4));
    }
  }
}

TEST(LoadTokenizer, RefusesATokenizerJsonWithoutModel) {
  TemporaryDirectory model;
  model.write("tokenizer.json", R"({"hello": 1})");
  expect_refusal<DataError>(model, "expected an object 'model'");
}

TEST(LoadTokenizer, RefusesAnotherTokenizerClassByName) {
  TemporaryDirectory model;
  model.write("vocab.txt", kVocabulary);
  model.write("tokenizer_config.json", R"({"tokenizer_class": "BertJapaneseTokenizer"})");
  expect_refusal<ConfigError>(model, "tokenizer_class 'BertJapaneseTokenizer' is not supported");
}

TEST(LoadTokenizer, PrefersTokenizerJsonAndSaysThatVocabTxtDiffers) {
  TemporaryDirectory model;
  model.write("vocab.txt", kVocabulary);
  model.write("tokenizer.json", kWordPiece);
  const auto tokenizer = load_tokenizer(model.path());
  EXPECT_THAT(ids_of(*tokenizer, "hello"), ElementsAre(4));
  EXPECT_THAT(tokenizer->description(), HasSubstr("vocab.txt differs from tokenizer.json, which counts"));
}

TEST(LoadTokenizer, RefusesAnIdThatIsUsedTwice) {
  TemporaryDirectory model;
  model.write("tokenizer.json", R"({"model": {"type": "WordPiece", "vocab": {"[PAD]": 0, "[UNK]": 0}}})");
  expect_refusal<DataError>(model, "the piece '[UNK]' has an id that another piece has too");
}

TEST(LoadTokenizer, RefusesIdsThatAreNoIntegers) {
  for (const char* id : {"-1", "1.5", "\"1\"", "null", "4294967296"}) {
    TemporaryDirectory model;
    model.write("tokenizer.json", std::string(R"({"model": {"type": "WordPiece", "vocab": {"a": )") + id + "}}}");
    expect_refusal<DataError>(model, "the piece 'a' has no usable id");
  }
}

TEST(LoadTokenizer, SaysWhichRulesOfTokenizerJsonDoNotCount) {
  TemporaryDirectory model;
  model.write("tokenizer.json", kWordPiece);
  model.write("tokenizer_config.json", R"({"tokenizer_class": "BertTokenizer"})");
  EXPECT_THAT(load_tokenizer(model.path())->remarks(),
              testing::IsSupersetOf({"pre_tokenizer none of tokenizer.json does not count",
                                     "normalizer none of tokenizer.json does not count"}));
}

TEST(TokenizerFiles, AreThoseThatExist) {
  const TemporaryDirectory directory;
  EXPECT_THAT(tokenizer_files(directory.path()), testing::IsEmpty());
  for (const char* name : {"vocab.txt", "tokenizer.json", "config.json", "special_tokens_map.json", "merges.txt",
                           "spiece.model", "vocab.json", "other.model"}) {
    directory.write(name, "");
  }
  EXPECT_THAT(tokenizer_files(directory.path()), ElementsAre("tokenizer.json", "vocab.txt", "spiece.model",
                                                             "vocab.json", "merges.txt", "special_tokens_map.json"));
}

TEST(CompletedConfig, AsksForTokenTypesWhereTransformersWouldGiveNone) {
  TemporaryDirectory model;
  model.write("vocab.txt", kVocabulary);
  model.write("config.json", R"({"model_type": "bert"})");
  const auto completed = [&](const char* config, bool has_token_types = true) {
    model.write("tokenizer_config.json", config);
    return completed_config(model.path(), facts("bert", has_token_types));
  };
  EXPECT_EQ(completed(R"({"do_lower_case": true})"), std::nullopt);
  EXPECT_EQ(completed(R"({"tokenizer_class": "DistilBertTokenizer"})", false), std::nullopt);
  const auto text = completed(R"({"tokenizer_class": "DistilBertTokenizer", "model_max_length": 512})");
  EXPECT_EQ(text, R"({
  "tokenizer_class": "DistilBertTokenizer",
  "model_max_length": 512,
  "model_input_names": [
    "input_ids",
    "token_type_ids",
    "attention_mask"
  ]
}
)");
  EXPECT_EQ(completed(text->c_str()), std::nullopt) << "once is enough";
}

TEST(CompletedConfig, NamesTheClassWhereTheModelsConfigJsonMayLeadToAnother) {
  const std::string kNamesBert = "{\n  \"tokenizer_class\": \"BertTokenizer\"\n}\n";
  TemporaryDirectory tokenizer;
  tokenizer.write("vocab.txt", kVocabulary);
  EXPECT_EQ(completed_config(tokenizer.path(), facts("bert")), kNamesBert) << "no config.json beside the tokenizer";
  tokenizer.write("config.json", R"({"model_type": "bert"})");
  EXPECT_EQ(completed_config(tokenizer.path(), facts("bert")), std::nullopt);
  EXPECT_EQ(completed_config(tokenizer.path(), facts("albert")), kNamesBert);
  EXPECT_EQ(completed_config(tokenizer.path(), facts("bert", true, "PreTrainedTokenizerFast")), kNamesBert);
  tokenizer.write("config.json", R"({"model_type": "albert"})");
  EXPECT_EQ(completed_config(tokenizer.path(), facts("albert")), kNamesBert) << "ALBERT with BERT's vocabulary";
  tokenizer.write("config.json", R"({"tokenizer_class": "BertTokenizer"})");
  EXPECT_EQ(completed_config(tokenizer.path(), facts("bert")), kNamesBert);
  EXPECT_EQ(completed_config(tokenizer.path(), facts("bert", true, "BertTokenizer")), std::nullopt);
  tokenizer.write("tokenizer_config.json", R"({"tokenizer_class": null})");
  EXPECT_EQ(completed_config(tokenizer.path(), facts("bert")), kNamesBert);
}

TEST(LoadTokenizer, RefusesSplitSpecialTokens) {
  TemporaryDirectory model;
  model.write("vocab.txt", kVocabulary);
  model.write("tokenizer_config.json", R"({"split_special_tokens": true})");
  expect_refusal<ConfigError>(model, "split_special_tokens is not supported");
}

TEST(LoadTokenizer, RefusesWindowsThatAreCutOrPaddedFromTheLeft) {
  for (const std::string key : {"truncation_side", "padding_side"}) {
    TemporaryDirectory model;
    model.write("vocab.txt", kVocabulary);
    model.write("tokenizer_config.json", R"({")" + key + R"(": "right"})");
    EXPECT_NO_THROW(load_tokenizer(model.path()));
    model.write("tokenizer_config.json", R"({")" + key + R"(": "left"})");
    expect_refusal<ConfigError>(model, key + " is supported as \"right\" alone");
  }
}

TEST(LoadTokenizer, TakesSidesFromTokenizerJsonWhereTokenizerConfigNamesNone) {
  for (const std::string setting : {"truncation", "padding"}) {
    TemporaryDirectory model;
    Json json = Json::parse(kWordPiece);
    json[setting] = {{"direction", "Right"}};
    model.write("tokenizer.json", json.dump());
    EXPECT_NO_THROW(load_tokenizer(model.path()));
    json[setting] = {{"direction", "Left"}};
    model.write("tokenizer.json", json.dump());
    expect_refusal<ConfigError>(model,
                                "tokenizer.json: the direction of " + setting + " is supported as \"right\" alone");
    model.write("tokenizer_config.json", R"({")" + setting + R"(_side": "right"})");
    EXPECT_NO_THROW(load_tokenizer(model.path()));
  }
}

TEST(LoadTokenizer, KnowsTheOldNameOfTheLongestWindow) {
  TemporaryDirectory model;
  model.write("tokenizer_config.json", R"({"max_len": 16})");
  EXPECT_EQ(model_max_length(model.path()), 16);
  model.write("tokenizer_config.json", R"({"max_len": 16, "model_max_length": 32})");
  EXPECT_EQ(model_max_length(model.path()), 32);
}

TEST(LoadTokenizer, TakesALongestWindowThatIsNullForNone) {
  TemporaryDirectory model;
  model.write("tokenizer_config.json", R"({"model_max_length": null, "max_len": 16})");
  EXPECT_EQ(model_max_length(model.path()), std::nullopt);
}

TEST(LoadTokenizer, RefusesAFastTokenizerWithAnotherNormalizer) {
  TemporaryDirectory model;
  model.write("tokenizer.json", kWordPiece);
  model.write("tokenizer_config.json", R"({"tokenizer_class": "PreTrainedTokenizerFast"})");
  expect_refusal<ConfigError>(model, "the normalizer is 'none'");
}

TEST(LoadTokenizer, RefusesAFastTokenizerWithoutItsFile) {
  TemporaryDirectory model;
  model.write("vocab.txt", kVocabulary);
  model.write("tokenizer_config.json", R"({"tokenizer_class": "PreTrainedTokenizerFast"})");
  expect_refusal<InputError>(model, "tokenizer.json is missing");
}

TEST(LoadTokenizer, RefusesAConfigThatIsNoObject) {
  TemporaryDirectory model;
  model.write("vocab.txt", kVocabulary);
  model.write("tokenizer_config.json", "[]");
  expect_refusal<DataError>(model, "expected a JSON object");
}

}  // namespace
}  // namespace bertft::tokenizer
