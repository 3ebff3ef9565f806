#include "bertft/weights/encoder_config.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "bertft/util/error.h"
#include "bertft/util/file.h"
#include "bertft/util/json.h"
#include "message_of.h"
#include "real_data.h"
#include "temporary_directory.h"
#include "weights/bytes.h"

namespace bertft::weights {
namespace {

using testing::HasSubstr;
using Activation = EncoderConfig::Activation;

EncoderConfig read(std::string_view json) {
  const TemporaryDirectory directory;
  directory.write("config.json", json);
  return read_encoder_config(directory.path());
}

// A BERT config with one more member.
EncoderConfig read_with(std::string_view member) {
  return read(fmt::format(R"({{"model_type":"bert",{}}})", member));
}

TEST(EncoderConfigReader, ReadsBertBase) {
  if (!data_directory()) GTEST_SKIP() << "BERTFT_DATA_DIR is not set";
  const EncoderConfig config = read(read_file(*data_directory() / "config/bert-base-uncased-config.json"));
  EXPECT_EQ(config.model_type, "bert");
  EXPECT_EQ(config.vocab_size, 30522);
  EXPECT_EQ(config.num_hidden_layers, 12);
  std::int64_t num_parameters = 0;
  for (const auto& [name, shape] : expected_tensors(config)) {
    num_parameters += shape.size() == 1 ? shape[0] : shape[0] * shape[1];
  }
  EXPECT_EQ(expected_tensors(config).size(), 199U);
  EXPECT_EQ(num_parameters, 108'893'186);  // as transformers counts them
}

TEST(EncoderConfigReader, ReadsEveryKey) {
  const EncoderConfig config = read(
      R"({"model_type":"bert","vocab_size":11,"hidden_size":12,"num_hidden_layers":2,"num_attention_heads":3,
          "intermediate_size":13,"max_position_embeddings":14,"type_vocab_size":4,"pad_token_id":5,
          "hidden_act":"relu","hidden_dropout_prob":0,"attention_probs_dropout_prob":0.25,"layer_norm_eps":1e-7,
          "initializer_range":0.5,"position_embedding_type":"absolute"})");
  EXPECT_EQ(config.vocab_size, 11);
  EXPECT_EQ(config.hidden_size, 12);
  EXPECT_EQ(config.num_hidden_layers, 2);
  EXPECT_EQ(config.num_attention_heads, 3);
  EXPECT_EQ(config.intermediate_size, 13);
  EXPECT_EQ(config.max_position_embeddings, 14);
  EXPECT_EQ(config.type_vocab_size, 4);
  EXPECT_EQ(config.pad_token_id, 5);
  EXPECT_EQ(config.hidden_act, Activation::kRelu);
  EXPECT_EQ(config.dropout.output, 0);
  EXPECT_EQ(config.dropout.attention_probs, 0.25);
  EXPECT_EQ(config.layer_norm_eps, 1e-7);
  EXPECT_EQ(config.initializer_range, 0.5);
}

// The values are those of transformers 5.17, BertConfig().
TEST(EncoderConfigReader, HasBertConfigsDefaultsForAbsentKeys) {
  const EncoderConfig config = read(R"({"model_type":"bert"})");
  EXPECT_EQ(config.vocab_size, 30522);
  EXPECT_EQ(config.hidden_size, 768);
  EXPECT_EQ(config.num_hidden_layers, 12);
  EXPECT_EQ(config.num_attention_heads, 12);
  EXPECT_EQ(config.intermediate_size, 3072);
  EXPECT_EQ(config.max_position_embeddings, 512);
  EXPECT_EQ(config.type_vocab_size, 2);
  EXPECT_EQ(config.pad_token_id, 0);
  EXPECT_EQ(config.hidden_act, Activation::kGelu);
  EXPECT_EQ(config.dropout.output, 0.1);
  EXPECT_EQ(config.dropout.attention_probs, 0.1);
  EXPECT_EQ(config.layer_norm_eps, 1e-12);
  EXPECT_EQ(config.initializer_range, 0.02);
}

TEST(EncoderConfigReader, TakesTheModelTypeFromTheArchitectureWhenAbsent) {
  EXPECT_EQ(read(R"({"architectures":["BertForMaskedLM"]})").model_type, "bert");
}

TEST(EncoderConfigReader, KnowsTransformersNamesOfTheSameActivation) {
  EXPECT_EQ(read_with(R"("hidden_act":"gelu_python")").hidden_act, Activation::kGelu);
  EXPECT_EQ(read_with(R"("hidden_act":"gelu_new")").hidden_act, Activation::kGeluNew);
  EXPECT_EQ(read_with(R"("hidden_act":"gelu_pytorch_tanh")").hidden_act, Activation::kGeluNew);
}

TEST(EncoderConfigReader, NamesWhatItSupportsWhenTheModelIsAnother) {
  const auto refusal = [](std::string_view json) { return message_of<ConfigError>([&] { read(json); }); };
  EXPECT_THAT(refusal(R"({"model_type":"deberta-v2"})"),
              HasSubstr("'deberta-v2' is not supported; supported: albert, bert, distilbert, electra, roberta, "
                        "xlm-roberta"));
  EXPECT_THAT(refusal(R"({"architectures":["DebertaV2Model"]})"), HasSubstr("supported: albert, bert"));
  EXPECT_THAT(refusal("{}"), HasSubstr("model_type is absent"));
  EXPECT_THAT(refusal(R"({"model_type":"bert","hidden_act":"silu"})"),
              HasSubstr("supported: gelu, gelu_python, gelu_new, gelu_pytorch_tanh,"));
  EXPECT_THAT(refusal(R"({"model_type":"bert","position_embedding_type":"relative_key"})"),
              HasSubstr("'relative_key' is not supported; supported: absolute"));
  EXPECT_THAT(refusal(R"({"model_type":"bert","is_decoder":true})"), HasSubstr("needs an encoder"));
  EXPECT_THAT(refusal(R"({"model_type":"bert","add_cross_attention":true})"), HasSubstr("add_cross_attention is true"));
}

TEST(EncoderConfigReader, NamesFileAndKeyOfAMemberOutOfRangeOrOfAnotherType) {
  for (const std::string_view member : {R"("vocab_size":0)",
                                        R"("vocab_size":-1)",
                                        R"("vocab_size":"30522")",
                                        R"("vocab_size":30522.0)",
                                        R"("vocab_size":18446744073709551616)",
                                        R"("hidden_size":0)",
                                        R"("hidden_size":1000001)",
                                        R"("hidden_size":true)",
                                        R"("num_hidden_layers":4611686018427387904)",
                                        R"("num_attention_heads":7)",
                                        R"("num_attention_heads":0)",
                                        R"("intermediate_size":[3072])",
                                        R"("max_position_embeddings":{})",
                                        R"("type_vocab_size":0)",
                                        R"("type_vocab_size":1)",
                                        R"("pad_token_id":30522)",
                                        R"("pad_token_id":-1)",
                                        R"("hidden_act":1)",
                                        R"("hidden_dropout_prob":1)",
                                        R"("hidden_dropout_prob":-0.1)",
                                        R"("attention_probs_dropout_prob":"0.1")",
                                        R"("attention_probs_dropout_prob":1.5)",
                                        R"("layer_norm_eps":0)",
                                        R"("layer_norm_eps":-1e-12)",
                                        R"("initializer_range":-0.02)",
                                        R"("position_embedding_type":0)",
                                        R"("is_decoder":"no")"}) {
    const std::string message = message_of<DataError>([&] { read_with(member); });
    EXPECT_THAT(message, HasSubstr("config.json")) << member;
    EXPECT_THAT(message, HasSubstr(member.substr(1, member.find('"', 1) - 1))) << member;
  }
}

TEST(EncoderConfigReader, NamesLineAndColumnOfASyntaxError) {
  EXPECT_THAT(message_of<DataError>([] { read("{\n  \"model_type\" \"bert\"}"); }), HasSubstr("config.json:2:"));
}

TEST(EncoderConfigReader, RefusesADuplicateKey) {
  EXPECT_THAT(message_of<DataError>([] { read_with(R"("hidden_size":8,"hidden_size":16)"); }),
              HasSubstr("hidden_size"));
}

TEST(EncoderConfigReader, TellsAMissingDirectoryFromAMissingFile) {
  const TemporaryDirectory directory;
  EXPECT_THAT(message_of<InputError>([] { read_encoder_config("google-bert/bert-base-uncased"); }),
              testing::AllOf(HasSubstr("no such directory"), HasSubstr("hf download")));
  EXPECT_THAT(message_of<InputError>([&] { read_encoder_config(directory.path()); }), HasSubstr("config.json"));
  const std::string file = directory.write("model.safetensors", "");
  EXPECT_THAT(message_of<InputError>([&] { read_encoder_config(file); }), HasSubstr("not a directory"));
  directory.write("adapter_config.json", "{}");
  EXPECT_THAT(message_of<InputError>([&] { read_encoder_config(directory.path()); }),
              testing::AllOf(HasSubstr("an adapter of PEFT, not a whole model"), HasSubstr("merge_and_unload")));
}

TEST(EncoderConfigReader, AnswersEveryFileOfTheJsonTestSuiteWithOneClearError) {
  if (!data_directory()) GTEST_SKIP() << "BERTFT_DATA_DIR is not set";
  const TemporaryDirectory directory;
  int num_files = 0;
  for (const auto& entry :
       std::filesystem::directory_iterator(*data_directory() / "corpora/JSONTestSuite/test_parsing")) {
    const std::string name = entry.path().filename().string();
    directory.write("config.json", read_file(entry.path()));
    const auto work = [&] { read_encoder_config(directory.path()); };
    // Valid JSON objects are no BERT either, but that is the configuration's fault.
    const std::string message = name.starts_with("n_") ? message_of<DataError>(work) : message_of<Error>(work);
    EXPECT_THAT(message, HasSubstr("config.json")) << name;
    EXPECT_LE(std::ranges::count(message, '\n'), 2) << name;
    ++num_files;
  }
  EXPECT_EQ(num_files, 318);
}

std::string written(std::string_view json) {
  return question_answering_config_json(read(json));
}

TEST(QuestionAnsweringConfig, KeepsUnknownKeysAndOrderAndSetsOurs) {
  EXPECT_EQ(written(R"({"zeta":[1,{"a":null}],"model_type":"bert","architectures":["BertModel"],"layer_norm_eps":1e-12,
                        "transformers_version":"4.8.2"})"),
            R"({
  "zeta": [
    1,
    {
      "a": null
    }
  ],
  "model_type": "bert",
  "architectures": [
    "BertForQuestionAnswering"
  ],
  "layer_norm_eps": 1e-12,
  "transformers_version": "4.8.2",
  "dtype": "float32"
}
)");
}

TEST(QuestionAnsweringConfig, AddsTheModelTypeThatTheArchitectureImplied) {
  EXPECT_EQ(parse_json(written(R"({"architectures":["BertModel"]})"), "x")["model_type"], "bert");
}

TEST(QuestionAnsweringConfig, SetsTheDTypeUnderTheNameTheBaseUses) {
  const Json old_name = parse_json(written(R"({"model_type":"bert","torch_dtype":"float16"})"), "x");
  EXPECT_EQ(old_name["torch_dtype"], "float32");
  EXPECT_FALSE(old_name.contains("dtype"));
  const Json both = parse_json(written(R"({"model_type":"bert","torch_dtype":"float16","dtype":"bfloat16"})"), "x");
  EXPECT_EQ(both["torch_dtype"], "float32");
  EXPECT_EQ(both["dtype"], "float32");
}

TEST(QuestionAnsweringConfig, LeavesOutLabelsOfAHeadOfAnotherWidth) {
  const Json three = parse_json(
      written(R"({"model_type":"bert","id2label":{"0":"a","1":"b","2":"c"},"label2id":{"a":0,"b":1,"c":2}})"), "x");
  EXPECT_FALSE(three.contains("id2label"));
  EXPECT_FALSE(three.contains("label2id"));
  EXPECT_FALSE(parse_json(written(R"({"model_type":"bert","num_labels":5})"), "x").contains("num_labels"));
  EXPECT_FALSE(parse_json(written(R"({"model_type":"bert","num_labels":1})"), "x").contains("num_labels"));
  const Json two = parse_json(written(R"({"model_type":"bert","id2label":{"0":"a","1":"b"}})"), "x");
  EXPECT_TRUE(two.contains("id2label"));
}

TEST(QuestionAnsweringConfig, LeavesOutLabelsThatContradictTheirNumberAsTransformersTakesTheNumber) {
  const Json old =
      parse_json(written(R"({"model_type":"bert","num_labels":3,"id2label":{"0":"a","1":"b"},"label2id":{}})"), "x");
  for (const char* key : {"num_labels", "id2label", "label2id"}) EXPECT_FALSE(old.contains(key)) << key;
  EXPECT_FALSE(parse_json(written(R"({"model_type":"bert","num_labels":"2"})"), "x").contains("num_labels"));
  EXPECT_FALSE(parse_json(written(R"({"model_type":"bert","id2label":["a","b"]})"), "x").contains("id2label"));
}

}  // namespace
}  // namespace bertft::weights
