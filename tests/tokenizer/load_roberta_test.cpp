// What load_tokenizer() makes of directories with a vocab.json or a tokenizer.json of type BPE, and how it refuses.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "bertft/tokenizer/tokenizer.h"
#include "bertft/util/error.h"
#include "bertft/util/json.h"
#include "temporary_directory.h"
#include "tokenizer/byte_level_fixtures.h"
#include "tokenizer/tokenizer_fixtures.h"

namespace bertft::tokenizer {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

const SmallByteLevel kSmall = small_byte_level();
const ModelFacts kRoberta{.num_embeddings = 300, .has_token_types = false, .model_type = "roberta"};

// A directory with both files, to be spoilt by the test.
struct Directory : TemporaryDirectory {
  Directory() {
    write("vocab.json", kSmall.vocab_json().dump());
    write("merges.txt", kSmall.merges_txt());
  }
};

TEST(LoadRoberta, ReadsVocabJsonAndMergesTxt) {
  const Directory model;
  const auto tokenizer = load_tokenizer(model.path());
  EXPECT_THAT(ids_of(*tokenizer, "the cat<mask>"), ElementsAre(kSmall.id_of("the"), kSmall.id_of(" cat"), 4));
  const SpecialIds ids = tokenizer->special_ids();
  EXPECT_EQ(ids.cls, 0U);
  EXPECT_EQ(ids.sep, 2U);
  EXPECT_EQ(ids.seps_between, 2U) << "<s> A </s></s> B </s>";
  EXPECT_EQ(ids.context_type, 0);
  EXPECT_EQ(tokenizer->description(), "byte-level BPE, 268 pieces, cased");
}

TEST(LoadRoberta, ReadsATokenizerJsonWithMergesInEitherForm) {
  for (const bool as_texts : {false, true}) {
    TemporaryDirectory model;
    Json json = kSmall.tokenizer_json();
    if (as_texts) {
      for (Json& merge : json["model"]["merges"]) {
        merge = merge[0].get<std::string>() + " " + merge[1].get<std::string>();
      }
    }
    model.write("tokenizer.json", json.dump());
    EXPECT_THAT(ids_of(*load_tokenizer(model.path()), "the cat"),
                ElementsAre(kSmall.id_of("the"), kSmall.id_of(" cat")));
  }
}

TEST(LoadRoberta, ReadsATokenizerJsonOfTheTimeBeforeModelsHadAType) {
  Directory model;
  Json json = kSmall.tokenizer_json();
  json["model"].erase("type");
  model.write("tokenizer.json", json.dump());
  for (const char* config : {R"({"model_max_length": 512})", R"({"tokenizer_class": "RobertaTokenizer"})"}) {
    model.write("tokenizer_config.json", config);
    EXPECT_EQ(load_tokenizer(model.path(), kRoberta)->special_ids().seps_between, 2U);
    EXPECT_EQ(completed_config(model.path(), kRoberta).value_or("").find("BertTokenizer"), std::string::npos);
  }
}

TEST(LoadRoberta, PrefersTokenizerJson) {
  Directory model;
  Json json = kSmall.tokenizer_json();
  json["model"]["merges"] = Json::array();
  model.write("tokenizer.json", json.dump());
  EXPECT_EQ(ids_of(*load_tokenizer(model.path()), "the").size(), 3U);
}

TEST(LoadRoberta, GoesByItsOwnSettingsAndSaysWhatDoesNotCount) {
  TemporaryDirectory model;
  Json json = kSmall.tokenizer_json();
  json["pre_tokenizer"]["add_prefix_space"] = true;
  json["normalizer"] = {{"type", "Lowercase"}};
  model.write("tokenizer.json", json.dump());
  const auto tokenizer = load_tokenizer(model.path());
  EXPECT_THAT(ids_of(*tokenizer, "the"), ElementsAre(kSmall.id_of("the")));
  EXPECT_THAT(tokenizer->remarks(), ElementsAre("add_prefix_space of tokenizer.json does not count",
                                                "normalizer Lowercase of tokenizer.json does not count"));
}

TEST(LoadRoberta, GivesTheTypesThatTransformersGivesAndSoSaysNothing) {
  const Directory model;
  ModelFacts two_types = kRoberta;
  two_types.has_token_types = true;
  EXPECT_THAT(load_tokenizer(model.path(), two_types)->remarks(), IsEmpty());
  EXPECT_EQ(completed_config(model.path(), two_types).value_or("{}").find("token_type_ids"), std::string::npos);
}

TEST(LoadRoberta, NamesTheClassWhereTheModelIsOfAnotherFamily) {
  const Directory model;
  ModelFacts bert = kRoberta;
  bert.model_type = "bert";
  EXPECT_THAT(completed_config(model.path(), bert).value_or(""),
              HasSubstr("\"tokenizer_class\": \"RobertaTokenizer\""));
}

TEST(LoadRoberta, UsesTokenizerJsonAsItStandsForAFastTokenizer) {
  TemporaryDirectory model;
  const Json config = {{"tokenizer_class", "PreTrainedTokenizerFast"},
                       {"cls_token", "<s>"},
                       {"sep_token", "</s>"},
                       {"unk_token", "<unk>"}};
  model.write("tokenizer_config.json", config.dump());
  model.write("tokenizer.json", kSmall.tokenizer_json().dump());
  EXPECT_EQ(load_tokenizer(model.path())->special_ids().seps_between, 2U);
  model.write("tokenizer_config.json", R"({"tokenizer_class": "PreTrainedTokenizerFast"})");
  EXPECT_EQ(load_tokenizer(model.path())->special_ids().sep, 2U) << "named by the post_processor";
  const auto refuses = [&](const std::string& path, const Json& value, const std::string& message) {
    Json json = kSmall.tokenizer_json();
    json[Json::json_pointer(path)] = value;
    model.write("tokenizer.json", json.dump());
    expect_refusal<ConfigError>(model, message);
  };
  refuses("/normalizer", {{"type", "NFC"}}, "the normalizer is 'NFC'");
  refuses("/pre_tokenizer/type", "Whitespace", "the pre_tokenizer is 'Whitespace'");
  refuses("/pre_tokenizer/add_prefix_space", true, "ByteLevel has add_prefix_space");
  refuses("/pre_tokenizer/use_regex", false, "ByteLevel does not use its pattern");
  refuses("/post_processor", {{"type", "ByteLevel"}}, "the post_processor is 'ByteLevel'");
  refuses("/post_processor/trim_offsets", false, "RobertaProcessing has other settings");
  refuses("/post_processor/sep", {"</s>", 3}, "RobertaProcessing has other settings");
  refuses("/model/dropout", 0.1, "BPE has dropout");
  refuses("/model/end_of_word_suffix", "</w>", "BPE has end_of_word_suffix");
  refuses("/model/ignore_merges", true, "BPE has ignore_merges");
}

TEST(LoadRoberta, RefusesSettingsThatChangePlaces) {
  Directory model;
  model.write("tokenizer_config.json", R"({"add_prefix_space": true})");
  expect_refusal<ConfigError>(model, "add_prefix_space is true, which is not supported");
  model.write("tokenizer_config.json", R"({"trim_offsets": false})");
  expect_refusal<ConfigError>(model, "trim_offsets is false, which is not supported");
}

TEST(LoadRoberta, NamesTheFileThatIsMissing) {
  TemporaryDirectory model;
  model.write("vocab.json", kSmall.vocab_json().dump());
  expect_refusal<InputError>(model, "merges.txt is missing; vocab.json needs it");
  TemporaryDirectory other;
  other.write("vocab.txt", "[UNK]\n");
  other.write("tokenizer_config.json", R"({"tokenizer_class": "RobertaTokenizer"})");
  expect_refusal<InputError>(other, "vocab.json is missing; tokenizer_config.json names RobertaTokenizer");
}

TEST(LoadRoberta, RefusesMergesThatAreNone) {
  Directory model;
  model.write("merges.txt", "#version: 0.2\nt h\nthe\n");
  expect_refusal<DataError>(model, "merges.txt:3:1: error: expected two pieces with a space between them, found 'the'");
  model.write("merges.txt", "t h e\n");
  expect_refusal<DataError>(model, "merges.txt:1:1: error: expected two pieces");
  model.write("merges.txt", "t h\n\n");
  expect_refusal<DataError>(model, "merges.txt:2:1: error: expected two pieces");
  model.write("merges.txt", "\xEF\xBB\xBF#version: 0.2\nt h\n");
  expect_refusal<DataError>(model, "merges.txt:1:1: error: the file begins with a byte-order mark");
  model.write("merges.txt", "t h\nt \xFF\n");
  expect_refusal<DataError>(model, "merges.txt:2:3: error: not valid UTF-8; a merges.txt is");
  model.write("merges.txt", "x y\n");
  expect_refusal<DataError>(model, "'xy' is not in the vocabulary");
  Json json = kSmall.tokenizer_json();
  json["model"]["merges"][1] = 7;
  model.write("tokenizer.json", json.dump());
  expect_refusal<DataError>(model, "tokenizer.json: entry 1 of 'merges' is not two pieces");
  json["model"].erase("merges");
  model.write("tokenizer.json", json.dump());
  expect_refusal<DataError>(model, "expected a list 'merges'");
}

TEST(LoadRoberta, RefusesAVocabularyWithoutEveryByte) {
  Directory model;
  Json vocab = kSmall.vocab_json();
  vocab.erase("\u0120");
  model.write("vocab.json", vocab.dump());
  model.write("merges.txt", "");
  expect_refusal<DataError>(model, "vocab.json: the vocabulary has no '\u0120', which stands for the byte 32");
}

TEST(LoadRoberta, RefusesWhatIsNoVocabulary) {
  Directory model;
  model.write("vocab.json", "[]");
  expect_refusal<DataError>(model, "vocab.json: expected a JSON object");
  model.write("vocab.json", R"({"a": "b"})");
  expect_refusal<DataError>(model, "the piece 'a' has no usable id");
  model.write("vocab.json", R"({"a": 5})");
  expect_refusal<DataError>(model, "vocab.json: the vocabulary has no '<s>'; RoBERTa needs it as cls_token");
}

TEST(LoadRoberta, RefusesAByteLevelModelOfAnotherFamily) {
  TemporaryDirectory model;
  model.write("tokenizer.json", kSmall.tokenizer_json().dump());
  model.write("config.json", R"({"model_type": "gpt2"})");
  expect_refusal<ConfigError>(model, "a BPE model, which is supported where its class is named");
  model.write("tokenizer_config.json", R"({"tokenizer_class": "BertTokenizer"})");
  model.write("config.json", R"({"model_type": "roberta"})");
  expect_refusal<ConfigError>(model, "set \"tokenizer_class\": \"RobertaTokenizer\"");
}

}  // namespace
}  // namespace bertft::tokenizer
