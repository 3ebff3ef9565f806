// The families beside transformers 5.17: names, shapes and defaults.

#include "weights/family.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "bertft/util/error.h"
#include "message_of.h"
#include "temporary_directory.h"
#include "weights/family_configs.h"
#include "weights/model_fixture.h"

namespace bertft::weights {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;

EncoderConfig read(std::string_view json) {
  const TemporaryDirectory directory;
  directory.write("config.json", json);
  return read_encoder_config(directory.path());
}

std::int64_t num_parameters(const EncoderConfig& config) {
  std::int64_t total = 0;
  for (const auto& [name, shape] : expected_tensors(config)) {
    std::int64_t count = 1;
    for (const std::int64_t size : shape) count *= size;
    total += count;
  }
  return total;
}

struct Published {
  std::string name, config;
  std::size_t num_tensors;
  std::int64_t num_parameters;  // of the question-answering class
};

void PrintTo(const Published& model, std::ostream* out) {
  *out << model.name;
}

class PublishedModel : public testing::TestWithParam<Published> {};

TEST_P(PublishedModel, HasTheTensorsAndParametersOfTransformersClass) {
  const EncoderConfig config = read(GetParam().config);
  EXPECT_EQ(expected_tensors(config).size(), GetParam().num_tensors);
  EXPECT_EQ(num_parameters(config), GetParam().num_parameters);
}

INSTANTIATE_TEST_SUITE_P(Hub, PublishedModel,
                         testing::Values(Published{"BertBase", R"({"model_type":"bert"})", 199, 108893186},
                                         Published{"ElectraSmall", R"({"model_type":"electra"})", 201, 13483522},
                                         Published{"ElectraBase",
                                                   R"({"model_type":"electra","embedding_size":768,"hidden_size":768,
                                  "num_attention_heads":12,"intermediate_size":3072})",
                                                   199, 108893186},
                                         Published{"DistilBert", R"({"model_type":"distilbert"})", 102, 66364418},
                                         Published{"AlbertBase",
                                                   R"({"model_type":"albert","hidden_size":768,"num_attention_heads":12,
                                  "intermediate_size":3072})",
                                                   25, 11094530},
                                         Published{"AlbertWithGroups",
                                                   R"({"model_type":"albert","hidden_size":8,"num_attention_heads":2,
                                  "intermediate_size":12,"num_hidden_layers":6,"num_hidden_groups":3,
                                  "inner_group_num":2,"embedding_size":4,"vocab_size":10,
                                  "max_position_embeddings":8})",
                                                   105, 3338},
                                         Published{"RobertaBase",
                                                   R"({"model_type":"roberta","max_position_embeddings":514,
                                  "type_vocab_size":1})",
                                                   199, 124056578},
                                         Published{"XlmRobertaBase",
                                                   R"({"model_type":"xlm-roberta","max_position_embeddings":514,
                                  "type_vocab_size":1,"vocab_size":250002})",
                                                   199, 277454594}),
                         [](const auto& published) { return published.param.name; });

TEST(Electra, ProjectsEmbeddingsOnlyWhereTheyAreNarrower) {
  EXPECT_THAT(expected_tensors(read(R"({"model_type":"electra"})")),
              Contains(Pair("electra.embeddings_project.weight", ElementsAre(256, 128))));
  const EncoderConfig wide = read(R"({"model_type":"electra","embedding_size":256})");
  EXPECT_FALSE(encoder_tensors(wide).embedding_projection.has_value());
}

TEST(DistilBert, ReadsItsOwnKeys) {
  const EncoderConfig config = read(
      R"({"model_type":"distilbert","vocab_size":11,"dim":12,"n_layers":3,"n_heads":2,"hidden_dim":13,
          "max_position_embeddings":14,"activation":"relu","dropout":0.2,"attention_dropout":0.3,"qa_dropout":0.4})");
  EXPECT_EQ(config.hidden_size, 12);
  EXPECT_EQ(config.embedding_size, 12);
  EXPECT_EQ(config.num_hidden_layers, 3);
  EXPECT_EQ(config.num_attention_heads, 2);
  EXPECT_EQ(config.intermediate_size, 13);
  EXPECT_EQ(config.type_vocab_size, 0);
  EXPECT_EQ(config.hidden_act, EncoderConfig::Activation::kRelu);
  EXPECT_EQ(config.dropout.embeddings, 0.2);
  EXPECT_EQ(config.dropout.attention_probs, 0.3);
  EXPECT_EQ(config.dropout.attention_output, 0);
  EXPECT_EQ(config.dropout.output, 0.2);
  EXPECT_EQ(config.dropout.head, 0.4);
}

TEST(DistilBert, TakesTheNamesThatTransformersMapsToItsOwn) {
  const EncoderConfig config =
      read(R"({"model_type":"distilbert","hidden_size":24,"num_hidden_layers":3,"num_attention_heads":4})");
  EXPECT_EQ(config.hidden_size, 24);
  EXPECT_EQ(config.num_hidden_layers, 3);
  EXPECT_EQ(config.num_attention_heads, 4);
  EXPECT_EQ(read(R"({"model_type":"distilbert","dim":24,"hidden_size":24})").hidden_size, 24);
}

TEST(DistilBert, RefusesTwoValuesOfOneSetting) {
  EXPECT_THAT(message_of<DataError>([] { read(R"({"model_type":"distilbert","n_heads":4,"num_attention_heads":2})"); }),
              HasSubstr("n_heads is 4 and num_attention_heads is 2, which is the same setting"));
}

TEST(DistilBert, NamesItsOwnKeyWhenHeadsDoNotDivideTheWidth) {
  EXPECT_THAT(message_of<DataError>([] { read(R"({"model_type":"distilbert","n_heads":7})"); }),
              HasSubstr("dim 768 is not a multiple of n_heads 7"));
}

TEST(Albert, DropsNothingByDefaultAndNothingBehindTheInnerLayer) {
  const EncoderConfig plain = read(R"({"model_type":"albert"})");
  EXPECT_EQ(plain.dropout.embeddings, 0);
  EXPECT_EQ(plain.dropout.attention_probs, 0);
  EXPECT_EQ(plain.hidden_act, EncoderConfig::Activation::kGeluNew);
  const EncoderConfig dropping = read(R"({"model_type":"albert","hidden_dropout_prob":0.1})");
  EXPECT_EQ(dropping.dropout.attention_output, 0.1);
  EXPECT_EQ(dropping.dropout.output, 0);
}

std::vector<std::size_t> order_of(std::string_view members) {
  return encoder_tensors(read(R"({"model_type":"albert",)" + std::string(members) + "}")).order;
}

TEST(Albert, RunsEachGroupAsTransformersDoes) {
  EXPECT_THAT(order_of(R"("num_hidden_layers":4)"), ElementsAre(0, 0, 0, 0));
  EXPECT_THAT(order_of(R"("num_hidden_layers":5,"num_hidden_groups":2)"), ElementsAre(0, 0, 0, 1, 1));
  EXPECT_THAT(order_of(R"("num_hidden_layers":4,"num_hidden_groups":2,"inner_group_num":2)"),
              ElementsAre(0, 1, 0, 1, 2, 3, 2, 3));
}

TEST(Albert, RefusesMoreGroupsThanLayers) {
  EXPECT_THAT(message_of<DataError>([] { order_of(R"("num_hidden_layers":2,"num_hidden_groups":3)"); }),
              HasSubstr("num_hidden_groups is 3; expected an integer from 1 to 2"));
}

TEST(Roberta, CountsPositionsFromBehindItsPadding) {
  const EncoderConfig config = read(R"({"model_type":"roberta","max_position_embeddings":514})");
  EXPECT_EQ(config.pad_token_id, 1);
  EXPECT_EQ(config.longest_sequence(), 512);
  EXPECT_EQ(read(R"({"model_type":"bert"})").longest_sequence(), 512);
  EXPECT_THAT(message_of<DataError>([] { read(R"({"model_type":"roberta","max_position_embeddings":2})"); }),
              HasSubstr("max_position_embeddings is 2; positions begin behind the one of pad_token_id, which is 1"));
}

TEST(LongestSequence, IsThatOfAModelWhoseOtherKeysAreNotUnderstood) {
  const auto longest = [](const char* json) { return longest_sequence(Json::parse(json), "config.json"); };
  EXPECT_EQ(longest(R"({"model_type":"roberta","max_position_embeddings":514,"hidden_act":"new"})"), 512);
  EXPECT_EQ(longest(R"({"model_type":"roberta","max_position_embeddings":514,"pad_token_id":3})"), 510);
  EXPECT_EQ(longest(R"({"architectures":["RobertaForMaskedLM"],"max_position_embeddings":514})"), 512);
  EXPECT_EQ(longest(R"({"model_type":"xlm-roberta","max_position_embeddings":514})"), 512);
  EXPECT_EQ(longest(R"({"model_type":"mpnet","max_position_embeddings":514})"), 514);
  for (const char* pad : {"-1", "513", "60000"}) {
    const std::string config =
        std::string(R"({"model_type":"roberta","max_position_embeddings":514,"pad_token_id":)") + pad;
    EXPECT_THAT(message_of<DataError>([&] { longest((config + "}").c_str()); }), HasSubstr("pad_token_id")) << pad;
  }
  EXPECT_EQ(longest(R"({"model_type":"roberta"})"), std::nullopt);
}

// A directory of the smallest model of a family.
struct Small {
  std::string model_type, config;
};

void PrintTo(const Small& model, std::ostream* out) {
  *out << model.model_type;
}

class SmallModel : public testing::TestWithParam<Small> {
 protected:
  TinyModel model_{GetParam().config};
  const std::string prefix_ = find_family(GetParam().model_type)->prefix();
};

TEST_P(SmallModel, IsReadUnderItsOwnNames) {
  const ModelWeights checkpoint = model_.save_and_read();
  EXPECT_EQ(checkpoint.tensors.size(), model_.tensors.size());
  EXPECT_THAT(checkpoint.ignored, testing::IsEmpty());
}

TEST_P(SmallModel, IsReadWhenItsEncoderWasSavedAlone) {
  model_.remove_head();
  model_.rename_all([&](const std::string& name) { return name.substr(prefix_.size()); });
  const ModelWeights checkpoint = model_.save_and_read();
  EXPECT_EQ(checkpoint.tensors.size(), model_.tensors.size());
  EXPECT_THAT(checkpoint.missing, ElementsAre("qa_outputs.weight", "qa_outputs.bias"));
}

TEST_P(SmallModel, SetsPoolerAndPretrainingHeadsAside) {
  model_.tensors[prefix_ + "pooler.weight"] = filled({4, 4}, 0);
  model_.tensors[prefix_ + "embeddings.position_ids"] = filled({1, 8}, 0, DType::kI64);
  model_.tensors["predictions.bias"] = filled({11}, 0);
  EXPECT_EQ(model_.save_and_read().ignored.size(), 3U);
}

TEST_P(SmallModel, IsRefusedWhenItsEncoderHoldsMoreThanConfigJsonSays) {
  model_.tensors[prefix_ + "embeddings.more.weight"] = filled({1}, 0);
  EXPECT_THAT(message_of<WeightsError>([&] { model_.save_and_read(); }),
              HasSubstr("'" + prefix_ + "embeddings.more.weight' is no part of the model"));
}

TEST_P(SmallModel, IsWrittenAsItsQuestionAnsweringClass) {
  const std::string json = question_answering_config_json(read(GetParam().config));
  EXPECT_THAT(json, AllOf(HasSubstr("ForQuestionAnswering\""), HasSubstr("\"" + GetParam().model_type + "\"")));
}

INSTANTIATE_TEST_SUITE_P(
    Families, SmallModel,
    testing::Values(Small{"bert", std::string(kTinyConfig)},
                    Small{"electra", R"({"model_type":"electra","vocab_size":11,"embedding_size":3,"hidden_size":4,
                                         "num_hidden_layers":2,"num_attention_heads":2,"intermediate_size":6,
                                         "max_position_embeddings":8})"},
                    Small{"distilbert", R"({"model_type":"distilbert","vocab_size":11,"dim":4,"n_layers":2,
                                            "n_heads":2,"hidden_dim":6,"max_position_embeddings":8})"},
                    Small{"albert", R"({"model_type":"albert","vocab_size":11,"embedding_size":3,"hidden_size":4,
                                        "num_hidden_layers":4,"num_hidden_groups":2,"num_attention_heads":2,
                                        "intermediate_size":6,"max_position_embeddings":8})"},
                    Small{"roberta", R"({"model_type":"roberta","vocab_size":11,"hidden_size":4,"num_hidden_layers":2,
                                         "num_attention_heads":2,"intermediate_size":6,"max_position_embeddings":8,
                                         "type_vocab_size":1})"},
                    Small{"xlm-roberta", R"({"model_type":"xlm-roberta","vocab_size":11,"hidden_size":4,
                                             "num_hidden_layers":2,"num_attention_heads":2,"intermediate_size":6,
                                             "max_position_embeddings":8,"type_vocab_size":1})"}),
    [](const auto& small) { return test_name(small.param.model_type); });

TEST(Families, StandInTheOrderInWhichMessagesNameThem) {
  EXPECT_TRUE(std::ranges::is_sorted(families(), {}, &Family::model_type));
}

}  // namespace
}  // namespace bertft::weights
