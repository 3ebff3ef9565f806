// What load_tokenizer() makes of XLM-RoBERTa's files, and how it refuses. That ids and offsets are transformers' is
// shown by tests/parity/xlm_roberta_parity.py.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "bertft/tokenizer/tokenizer.h"
#include "bertft/util/error.h"
#include "bertft/util/json.h"
#include "temporary_directory.h"
#include "tokenizer/spiece_fixtures.h"
#include "tokenizer/tokenizer_fixtures.h"

namespace bertft::tokenizer {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

const ModelFacts kXlmRoberta{.num_embeddings = 300, .has_token_types = false, .model_type = "xlm-roberta"};
const std::string kConfig = R"({"model_type": "xlm-roberta", "vocab_size": 300})";

const std::vector<UnigramPiece> kPieces = {{"\u2581", -2},   {"a", -3},   {"\u2581A", -4}, {"\u00e9", -4},
                                           {"\u2581he", -5}, {"llo", -6}, {"''", -6},      {"9,", -4.5}};

// sentencepiece's own ids, as in the published sentencepiece.bpe.model.
std::string sentencepiece_file(const std::string& charsmap = {}) {
  std::vector<UnigramPiece> pieces = {{"<unk>", 0}, {"<s>", 0}, {"</s>", 0}};
  pieces.insert(pieces.end(), kPieces.begin(), kPieces.end());
  return spiece_model(pieces, charsmap);
}

Json tokenizer_json() {
  Json vocab = Json::array();
  for (const char* token : {"<s>", "<pad>", "</s>", "<unk>"}) vocab.push_back({token, 0});
  for (const UnigramPiece& piece : kPieces) vocab.push_back({piece.text, piece.score});
  vocab.push_back({"<mask>", 0});
  return {{"added_tokens", Json::array()}, {"model", {{"type", "Unigram"}, {"unk_id", 3}, {"vocab", vocab}}}};
}

TEST(LoadXlmRoberta, GivesSentencepiecesIdsFairseqsPlaces) {
  TemporaryDirectory model;
  model.write("config.json", kConfig);
  model.write("sentencepiece.bpe.model", sentencepiece_file());
  const auto tokenizer = load_tokenizer(model.path());
  EXPECT_THAT(ids_of(*tokenizer, "hello<mask>a?"), ElementsAre(8, 9, 12, 4, 5, 3));
  EXPECT_EQ(tokenizer->vocabulary_size(), 13U);
  EXPECT_EQ(tokenizer->piece(12), "<mask>");
}

TEST(LoadXlmRoberta, ReadsATokenizerJsonToTheSameIds) {
  TemporaryDirectory model;
  model.write("config.json", kConfig);
  model.write("tokenizer.json", tokenizer_json().dump());
  const auto tokenizer = load_tokenizer(model.path());
  EXPECT_THAT(ids_of(*tokenizer, "hello<mask>a?"), ElementsAre(8, 9, 12, 4, 5, 3));
  model.write("sentencepiece.bpe.model", sentencepiece_file());
  EXPECT_EQ(load_tokenizer(model.path())->description(), tokenizer->description()) << "which agrees";
}

TEST(LoadXlmRoberta, LeavesCaseAccentsAndQuotesAsTheyAre) {
  TemporaryDirectory model;
  model.write("config.json", kConfig);
  model.write("sentencepiece.bpe.model", sentencepiece_file());
  EXPECT_THAT(ids_of(*load_tokenizer(model.path()), "A\u00e9''9,"), ElementsAre(6, 7, 10, 11));
  model.write("tokenizer_config.json", R"({"do_lower_case": true, "keep_accents": false})");
  EXPECT_THAT(ids_of(*load_tokenizer(model.path()), "A\u00e9''"), ElementsAre(6, 7, 10)) << "which are ALBERT's";
}

TEST(LoadXlmRoberta, AppliesTheCharsmapOfEitherFile) {
  TemporaryDirectory model;
  model.write("config.json", kConfig);
  const std::string charsmap = charsmap_blob({{"\u00e4", "a"}});
  model.write("sentencepiece.bpe.model", sentencepiece_file(charsmap));
  EXPECT_THAT(ids_of(*load_tokenizer(model.path()), "\u00e4"), ElementsAre(4, 5));
  model.write("tokenizer.json", tokenizer_json().dump());
  const auto tokenizer = load_tokenizer(model.path());
  EXPECT_THAT(ids_of(*tokenizer, "\u00e4"), ElementsAre(4, 3));
  EXPECT_THAT(tokenizer->remarks(),
              Contains("characters are replaced as tokenizer.json says, sentencepiece.bpe.model says otherwise"));
}

TEST(LoadXlmRoberta, FramesAPairWithTwoSeparatorsAndOneType) {
  TemporaryDirectory model;
  model.write("config.json", kConfig);
  model.write("sentencepiece.bpe.model", sentencepiece_file());
  const SpecialIds ids = load_tokenizer(model.path())->special_ids();
  EXPECT_EQ(ids.cls, 0U);
  EXPECT_EQ(ids.sep, 2U);
  EXPECT_EQ(ids.seps_between, 2U);
  EXPECT_EQ(ids.context_type, 0);
}

TEST(LoadXlmRoberta, IsChosenByTheClassThatIsNamed) {
  TemporaryDirectory model;
  model.write("tokenizer.json", tokenizer_json().dump());
  expect_refusal<DataError>(model, "the vocabulary has no '[CLS]'; ALBERT needs it");
  model.write("tokenizer_config.json", R"({"tokenizer_class": "XLMRobertaTokenizerFast"})");
  EXPECT_THAT(ids_of(*load_tokenizer(model.path()), "hello"), ElementsAre(8, 9));
  EXPECT_EQ(completed_config(model.path(), kXlmRoberta).value_or("").find("BertTokenizer"), std::string::npos);
}

// What PreTrainedTokenizerFast reads as it stands.
Json backend_json() {
  Json json = tokenizer_json();
  json["pre_tokenizer"] = {{"type", "Sequence"},
                           {"pretokenizers",
                            {{{"type", "WhitespaceSplit"}},
                             {{"type", "Metaspace"}, {"replacement", "\u2581"}, {"add_prefix_space", true}}}}};
  const auto special = [](const char* token) { return Json{{"SpecialToken", {{"id", token}, {"type_id", 0}}}}; };
  const auto text = [](const char* id) { return Json{{"Sequence", {{"id", id}, {"type_id", 0}}}}; };
  json["post_processor"] = {
      {"type", "TemplateProcessing"},
      {"pair", {special("<s>"), text("A"), special("</s>"), special("</s>"), text("B"), special("</s>")}},
      {"special_tokens", {{"<s>", {{"ids", {0}}}}, {"</s>", {{"ids", {2}}}}}}};
  return json;
}

TEST(LoadXlmRoberta, ReadsATokenizerJsonAsItStandsInABert) {
  TemporaryDirectory model;
  model.write("config.json", R"({"model_type": "bert", "vocab_size": 300})");
  model.write("tokenizer_config.json", R"({"tokenizer_class": "PreTrainedTokenizerFast", "mask_token": "<mask>"})");
  model.write("sentencepiece.bpe.model", "is not read");
  for (const char* normalizer : {"null", R"({"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": " "})"}) {
    Json json = backend_json();
    json["normalizer"] = Json::parse(normalizer);
    model.write("tokenizer.json", json.dump());
    const auto tokenizer = load_tokenizer(model.path());
    EXPECT_THAT(ids_of(*tokenizer, "hello<mask>a?"), ElementsAre(8, 9, 12, 4, 5, 3));
    EXPECT_EQ(tokenizer->special_ids().seps_between, 2U);
    EXPECT_EQ(tokenizer->special_ids().context_type, 0);
    EXPECT_THAT(tokenizer->remarks(), IsEmpty());
  }
  const ModelFacts bert{.num_embeddings = 300, .has_token_types = true, .model_type = "bert"};
  EXPECT_EQ(completed_config(model.path(), bert), std::nullopt);
}

TEST(LoadXlmRoberta, RefusesATokenizerJsonWhoseStepsAreOthers) {
  const std::vector<std::pair<const char*, const char*>> cases = {
      {R"({"normalizer": {"type": "NFKC"}})", "the normalizer has 'NFKC'"},
      {R"({"normalizer": {"type": "Replace", "pattern": {"String": "a"}, "content": " "}})",
       "the normalizer has 'Replace'"},
      {R"({"normalizer": {"type": "Sequence", "normalizers": [{"type": "Precompiled"}, {"type": "Precompiled"}]}})",
       "the normalizer has 'Precompiled'"},
      {R"({"pre_tokenizer": null})", "the pre_tokenizer is 'none'"},
      {R"({"pre_tokenizer": {"type": "Metaspace", "replacement": "\u2581"}})", "the pre_tokenizer is 'Metaspace'"},
      {R"({"pre_tokenizer": {"pretokenizers": [{}, {"prepend_scheme": "first"}]}})", "the pre_tokenizer is 'Sequence'"},
      {R"({"model": {"byte_fallback": true}})", "Unigram has byte_fallback"},
      {R"({"model": {"unk_id": null}})", "Unigram has no unk_id"},
      {R"({"model": {"unk_id": 13}})", "Unigram has no unk_id"},
      {R"({"post_processor": {"type": "RobertaProcessing"}})", "the post_processor is 'RobertaProcessing'"},
      {R"({"post_processor": {"pair": null}})", "TemplateProcessing has another frame"},
      {R"({"post_processor": {"pair": [[], 1, []]}})", "TemplateProcessing has another frame"},
      {R"({"post_processor": {"special_tokens": []}})", "TemplateProcessing has another frame"},
      {R"({"post_processor": {"special_tokens": {"</s>": {"ids": [3]}}}})", "TemplateProcessing has another frame"},
  };
  TemporaryDirectory model;
  model.write("config.json", kConfig);
  model.write("tokenizer_config.json", R"({"tokenizer_class": "PreTrainedTokenizerFast"})");
  for (const auto& [patch, message] : cases) {
    Json json = backend_json();
    json.merge_patch(Json::parse(patch));
    model.write("tokenizer.json", json.dump());
    expect_refusal<ConfigError>(model, message);
  }
}

TEST(LoadXlmRoberta, RefusesAWishForOtherTokensAroundATextInAFastTokenizer) {
  TemporaryDirectory model;
  model.write("tokenizer.json", backend_json().dump());
  model.write("tokenizer_config.json", R"({"tokenizer_class": "PreTrainedTokenizerFast", "add_eos_token": false})");
  expect_refusal<ConfigError>(model, "add_eos_token is not supported");
}

TEST(LoadXlmRoberta, RefusesFilesOfAnotherKind) {
  TemporaryDirectory model;
  model.write("config.json", kConfig);
  model.write("tokenizer_config.json", R"({"tokenizer_class": "XLMRobertaTokenizer"})");
  model.write("vocab.txt", "[UNK]\n");
  expect_refusal<InputError>(model,
                             "sentencepiece.bpe.model is missing; tokenizer_config.json names XLMRobertaTokenizer");
  model.write("tokenizer.json", R"({"model": {"type": "BPE", "vocab": {"a": 0}, "merges": []}})");
  expect_refusal<ConfigError>(model, "the tokenizer model is 'BPE'; XLMRobertaTokenizer has a Unigram model");
  Json shifted = tokenizer_json();
  shifted["model"]["vocab"].erase(1);
  model.write("tokenizer.json", shifted.dump());
  expect_refusal<ConfigError>(model, "'<unk>' has id 2; XLM-RoBERTa has 3 there");
  model.write("tokenizer.json", tokenizer_json().dump());
  model.write("sentencepiece.bpe.model", spiece_model({{"<unk>", 0}, {"<s>", 0}, {"</s>", 0}, {"other", -1}}));
  expect_refusal<DataError>(model, "tokenizer.json and sentencepiece.bpe.model differ from piece 4 on");
}

TEST(LoadXlmRoberta, RefusesASentencepieceModelThatBeginsOtherwise) {
  TemporaryDirectory model;
  model.write("config.json", kConfig);
  const std::vector<UnigramPiece> special = {{"<unk>", 0}, {"<s>", 0}, {"</s>", 0}};
  const std::vector<UnigramPiece> of_fairseq = {{"<s>", 0}, {"<pad>", 0}, {"</s>", 0}, {"<unk>", 0}};
  for (const auto& pieces : {small_pieces(), of_fairseq, std::vector(special.begin(), special.end() - 1)}) {
    model.write("sentencepiece.bpe.model", spiece_model(pieces));
    expect_refusal<ConfigError>(model, "the first pieces are not <unk>, <s> and </s>");
  }
  std::vector<UnigramPiece> twice = special;
  twice.push_back({"<mask>", 0});
  model.write("sentencepiece.bpe.model", spiece_model(twice));
  expect_refusal<DataError>(model, "'<mask>' with id 5 occurs twice");
}

TEST(LoadXlmRoberta, RefusesTokensByWhichTheClassWouldNotFrameAPair) {
  TemporaryDirectory model;
  model.write("config.json", kConfig);
  model.write("sentencepiece.bpe.model", sentencepiece_file());
  for (const char* key : {"bos_token", "cls_token", "eos_token", "sep_token"}) {
    model.write("tokenizer_config.json", Json{{key, "<mask>"}}.dump());
    expect_refusal<ConfigError>(model, "Supported of XLM-RoBERTa are tokenizers in which they are the same");
  }
}

}  // namespace
}  // namespace bertft::tokenizer
