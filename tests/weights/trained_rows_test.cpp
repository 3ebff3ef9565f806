#include "bertft/weights/trained_rows.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "weights/bert_config.h"
#include "weights/model_fixture.h"

namespace bertft::weights {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

EncoderConfig config_of(std::int64_t vocab_size, std::int64_t pad_token_id) {
  EncoderConfig config =
      bert_config({.vocabulary = vocab_size, .hidden = 4, .layers = 2, .heads = 2, .inner = 8, .positions = 8});
  config.pad_token_id = pad_token_id;
  return config;
}

TEST(TrainedRows, AreThoseInUseNumberedInTheirOrder) {
  const TrainedRows rows(config_of(6, 0), {true, false, false, true, false, true});
  EXPECT_FALSE(rows.are_all());
  EXPECT_THAT(rows.rows(), ElementsAre(0, 3, 5));
  EXPECT_EQ(rows.numbers()[3], 1U);
  EXPECT_EQ(rows.numbers()[5], 2U);
  EXPECT_EQ(rows.config().vocab_size, 3);
  EXPECT_EQ(rows.config().num_rows_aside, 3);
}

TEST(TrainedRows, LeaveThePaddingItsNumber) {
  const TrainedRows rows(config_of(6, 2), {false, false, false, false, true, false});
  EXPECT_THAT(rows.rows(), ElementsAre(0, 1, 2, 4));
  EXPECT_EQ(rows.numbers()[2], 2U);
  EXPECT_EQ(rows.config().pad_token_id, 2);
}

TEST(TrainedRows, AreAllWhereAllAreInUseOrNobodyLooked) {
  for (const TrainedRows& rows : {TrainedRows(config_of(2, 0), {false, true}), TrainedRows(config_of(2, 0))}) {
    EXPECT_TRUE(rows.are_all());
    EXPECT_THAT(rows.rows(), IsEmpty());
    EXPECT_THAT(rows.numbers(), IsEmpty());
    EXPECT_EQ(rows.config().vocab_size, 2);
    EXPECT_EQ(rows.config().num_rows_aside, 0);
  }
}

TEST(TrainedRows, AreTakenFromTheWholeModel) {
  const TinyModel model;
  model.save_and_read(Head::kRequired);
  const EncoderConfig whole = read_encoder_config(model.path());
  std::vector<bool> used(static_cast<std::size_t>(whole.vocab_size));
  used[4] = true;
  const ModelWeights weights = TrainedRows(whole, used).read(model.path(), Head::kRequired);
  EXPECT_THAT(weights.word_rows, ElementsAre(0, 4));
  EXPECT_THAT(weights.tensors.at("bert.embeddings.word_embeddings.weight").shape, ElementsAre(11, 4));
}

}  // namespace
}  // namespace bertft::weights
