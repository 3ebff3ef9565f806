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
using ::testing::HasSubstr;

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
