// Which added and named tokens load_tokenizer() reads, and how it refuses them. That they are transformers' is shown by
// tests/parity/tokenizer_parity.py.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <vector>

#include "bertft/tokenizer/tokenizer.h"
#include "bertft/util/error.h"
#include "temporary_directory.h"
#include "tokenizer/tokenizer_fixtures.h"

namespace bertft::tokenizer {
namespace {

using ::testing::ElementsAre;

constexpr const char* kVocabulary = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nhello\nx\n##x\n";

TEST(LoadTokenizer, KeepsNamedTokensOfOtherKindsWhole) {
  TemporaryDirectory model;
  model.write("vocab.txt", "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n[new]\nnew\n[\n]\n");
  EXPECT_THAT(ids_of(*load_tokenizer(model.path()), "[new]"), ElementsAre(7, 6, 8));
  model.write("tokenizer_config.json", R"({"eos_token": "[new]"})");
  EXPECT_THAT(ids_of(*load_tokenizer(model.path()), "[new]"), ElementsAre(5));
}

TEST(LoadTokenizer, RefusesAnAddedTokenWhoseIdContradictsTheVocabulary) {
  TemporaryDirectory model;
  model.write("vocab.txt", kVocabulary);
  model.write("added_tokens.json", R"({"[MASK]": 9})");
  expect_refusal<DataError>(model, "'[MASK]' is declared with id 9, but has id 4 in the vocabulary");
}

TEST(LoadTokenizer, RefusesAGapBeforeAnAddedToken) {
  TemporaryDirectory model;
  model.write("vocab.txt", kVocabulary);
  model.write("tokenizer_config.json", R"({"added_tokens_decoder": {"9": {"content": "[NEW]", "special": true}}})");
  expect_refusal<DataError>(model, "the added token '[NEW]' has id 9; the next free one is 8");
}

TEST(LoadTokenizer, LooksForATokenInNormalizedTextWhereTheFileSaysSo) {
  TemporaryDirectory model;
  model.write("vocab.txt", kVocabulary);
  model.write("special_tokens_map.json",
              R"({"mask_token": {"content": "[MASK]", "lstrip": true, "normalized": true}})");
  const std::string text = "hello [m\u00e1sk]x [MASK]";
  std::vector<Token> tokens;
  load_tokenizer(model.path())->encode(text, tokens);
  EXPECT_THAT(tokens, ElementsAre(Token{5, 0, 5}, Token{4, 5, 12}, Token{6, 12, 13}, Token{4, 13, 20}));
  model.write("tokenizer_config.json", R"({"do_lower_case": false})");
  EXPECT_THAT(ids_of(*load_tokenizer(model.path()), "[mask] [MASK]"), ElementsAre(1, 1, 1, 4));
}

TEST(LoadTokenizer, LooksForTokensOfAddedTokensJsonInNormalizedTextUnlessTheyAreNamed) {
  TemporaryDirectory model;
  model.write("vocab.txt", kVocabulary);
  model.write("added_tokens.json", R"({"NEW": 8})");
  const auto ids = [&] { return ids_of(*load_tokenizer(model.path()), "new NEW"); };
  EXPECT_THAT(ids(), ElementsAre(8, 8));
  model.write("special_tokens_map.json", R"({"additional_special_tokens": ["NEW"]})");
  EXPECT_THAT(ids(), ElementsAre(8, 8)) << "transformers does not look there";
  model.write("special_tokens_map.json", R"({"extra_special_tokens": ["NEW"]})");
  EXPECT_THAT(ids(), ElementsAre(1, 8));
  model.write("special_tokens_map.json", R"({"eos_token": "NEW"})");
  EXPECT_THAT(ids(), ElementsAre(1, 8));
}

TEST(LoadTokenizer, RefusesAnAddedTokenThatMustBeASingleWord) {
  TemporaryDirectory model;
  model.write("vocab.txt", kVocabulary);
  model.write("tokenizer_config.json",
              R"({"added_tokens_decoder": {"4": {"content": "[MASK]", "special": true, "single_word": true}}})");
  expect_refusal<ConfigError>(model, "has \"single_word\": true");
}

TEST(LoadTokenizer, KeepsAnAddedTokenBeyondTheVocabularyWhole) {
  TemporaryDirectory model;
  model.write("vocab.txt", kVocabulary);
  model.write("tokenizer_config.json",
              R"({"added_tokens_decoder": {"8": {"content": "<table>", "special": true, "lstrip": true}}})");
  const auto tokenizer = load_tokenizer(model.path());
  EXPECT_THAT(ids_of(*tokenizer, "hello <table>x"), ElementsAre(5, 8, 6));
  EXPECT_EQ(tokenizer->vocabulary_size(), 9U);
  EXPECT_EQ(tokenizer->piece(8), "<table>");
}

TEST(LoadTokenizer, NumbersTokensWithoutAnIdBehindTheVocabularyWhereTheModelHasEmbeddings) {
  TemporaryDirectory model;
  model.write("vocab.txt", "[PAD]\n[UNK]\n[CLS]\n[SEP]\nhello\n[\n]\nq\nmask\n");  // the named [MASK] comes first
  model.write("tokenizer_config.json", R"({"additional_special_tokens": ["[Q]", "[R]"]})");
  const auto ids = [&] { return ids_of(*load_tokenizer(model.path()), "[MASK] [Q]"); };
  EXPECT_THAT(ids(), ElementsAre(9, 10)) << "where no model is there to lack them";
  model.write("config.json", R"({"vocab_size": 11})");
  EXPECT_THAT(ids(), ElementsAre(9, 10));
  EXPECT_EQ(load_tokenizer(model.path())->vocabulary_size(), 11U);
  model.write("config.json", R"({"vocab_size": 10})");
  EXPECT_THAT(ids(), ElementsAre(9, 5, 7, 6));
  model.write("config.json", R"({"vocab_size": 9})");
  EXPECT_THAT(ids(), ElementsAre(5, 8, 6, 5, 7, 6));
  EXPECT_THAT(ids_of(*load_tokenizer(model.path(), ModelFacts{.num_embeddings = 11}), "[MASK] [Q]"), ElementsAre(9, 10))
      << "those of the model that reads them count";
}

TEST(LoadTokenizer, ReadsATokenWithoutAnEmbeddingAsTextWhateverIdItHas) {
  TemporaryDirectory model;
  model.write("vocab.txt", "[PAD]\n[UNK]\n[CLS]\n[SEP]\nhello\n[\n]\nq\nr\n");
  model.write("added_tokens.json", R"({"[Q]": 9, "[R]": 10})");
  const auto ids = [&](std::int64_t rows) {
    return ids_of(*load_tokenizer(model.path(), ModelFacts{.num_embeddings = rows}), "[Q] [R]");
  };
  EXPECT_THAT(ids(11), ElementsAre(9, 10));
  EXPECT_THAT(ids(10), ElementsAre(9, 5, 8, 6));
  EXPECT_THAT(ids(9), ElementsAre(5, 7, 6, 5, 8, 6));
}

TEST(LoadTokenizer, ReadsATokenThatIsSaidToBeNoneAsText) {
  TemporaryDirectory model;
  model.write("vocab.txt", "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n[\n]\nmask\n");
  model.write("tokenizer_config.json", R"({"mask_token": null})");
  EXPECT_THAT(ids_of(*load_tokenizer(model.path()), "[MASK]"), ElementsAre(5, 7, 6));
  model.write("tokenizer_config.json", R"({"mask_token": "[MASK]"})");
  model.write("special_tokens_map.json", R"({"mask_token": null})");
  EXPECT_THAT(ids_of(*load_tokenizer(model.path()), "[MASK]"), ElementsAre(5, 7, 6)) << "which counts";
}

TEST(LoadTokenizer, ObeysTheFlagsOfANamedTokenInTokenizerConfig) {
  TemporaryDirectory model;
  model.write("vocab.txt", kVocabulary);
  const std::string mask = R"("mask_token": {"__type": "AddedToken", "content": "[MASK]", "lstrip": true})";
  const auto found = [&] {
    std::vector<Token> tokens;
    load_tokenizer(model.path())->encode("hello  [MASK] x", tokens);
    return tokens.at(1);
  };
  model.write("tokenizer_config.json", "{" + mask + "}");
  EXPECT_EQ(found(), (Token{4, 5, 13}));
  model.write("special_tokens_map.json", R"({"mask_token": "[MASK]"})");
  EXPECT_EQ(found(), (Token{4, 7, 13})) << "special_tokens_map.json counts before it";
  model.write("tokenizer_config.json", "{" + mask + R"(, "added_tokens_decoder": {}})");
  EXPECT_EQ(found(), (Token{4, 5, 13})) << "the older file does not count beside added_tokens_decoder";
  model.write("tokenizer_config.json",
              "{" + mask + R"(, "added_tokens_decoder": {"4": {"content": "[MASK]", "special": true}}})");
  EXPECT_EQ(found(), (Token{4, 7, 13})) << "added_tokens_decoder counts before it";
}

TEST(LoadTokenizer, KeepsTokensOfNamesThatAModelMakesUpWhole) {
  const auto ids = [](const char* config, const char* map) {
    TemporaryDirectory model;
    model.write("vocab.txt", "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n[new]\n[old]\nnew\nold\n[\n]\n");
    model.write("tokenizer_config.json", config);
    model.write("special_tokens_map.json", map);
    return ids_of(*load_tokenizer(model.path()), "[new][old]");
  };
  const std::vector<std::uint32_t> neither = {9, 7, 10, 9, 8, 10}, new_alone = {5, 9, 8, 10}, old_alone = {9, 7, 10, 6};
  EXPECT_EQ(ids("{}", "{}"), neither);
  EXPECT_EQ(ids(R"({"image_token": "[new]"})", "{}"), new_alone);
  EXPECT_EQ(ids("{}", R"({"image_token": "[new]"})"), new_alone);
  EXPECT_EQ(ids("{}", R"({"image_token": {"content": "[new]"}})"), new_alone);
  EXPECT_EQ(ids(R"({"image_token": {"__type": "AddedToken", "content": "[new]"}})", "{}"), new_alone);
  EXPECT_EQ(ids(R"({"image_token": {"content": "[new]"}})", "{}"), neither) << "does not say what it is";
  EXPECT_EQ(ids(R"({"add_bos_token": true, "image_token": null})", R"({"image": "[new]"})"), neither);
  EXPECT_EQ(ids(R"({"image_token": "[new]"})", R"({"image_token": "[old]"})"), new_alone);
  EXPECT_EQ(ids(R"({"image_token": {"__type": "AddedToken", "content": "[new]"}})", R"({"image_token": "[old]"})"),
            old_alone);
}

}  // namespace
}  // namespace bertft::tokenizer
