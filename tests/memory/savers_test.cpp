#include "bertft/memory/savers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "weights/bert_config.h"

namespace bertft::memory {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

StepShape base() {
  StepShape shape;
  shape.encoder = weights::bert_config(weights::kBertBase);
  return shape;
}

std::vector<std::string> keys(const std::vector<Saver>& savers) {
  std::vector<std::string> result;
  for (const Saver& saver : savers) result.push_back(saver.key);
  return result;
}

TEST(Savers, ComeInTheOrderOfWhatTheyChange) {
  EXPECT_THAT(keys(savers_left(base())), ElementsAre("gradient_checkpointing", "bf16", "max_seq_length"));
}

TEST(Savers, ThatAreInUseAreNotOffered) {
  StepShape shape = base();
  shape.gradient_checkpointing = true;
  EXPECT_THAT(keys(savers_left(shape)), ElementsAre("bf16", "max_seq_length"));
  shape.precision = device::Precision::kFp16;
  shape.length = 64;
  EXPECT_THAT(savers_left(shape), IsEmpty());
}

TEST(Savers, OfferAGpuBeforeAmpereTheHalfPrecisionThatItHas) {
  StepShape shape = base();
  shape.is_cuda = true;
  shape.is_before_ampere = true;
  const Saver saver = savers_left(shape)[1];
  EXPECT_EQ(saver.setting(), "fp16: true");
  EXPECT_EQ(with_saver(shape, saver).precision, device::Precision::kFp16);
}

TEST(Savers, ShortenWindowsToAMultipleOfEight) {
  StepShape shape = base();
  shape.length = 100;
  EXPECT_EQ(savers_left(shape).back().value, "64");
  shape.length = 384;
  EXPECT_EQ(savers_left(shape).back().value, "256");
}

TEST(Savers, SaveWhatThePlanSays) {
  const StepShape shape = base();
  for (const Saver& saver : savers_left(shape)) {
    EXPECT_GT(saved_bytes(shape, saver, 32), 0U) << saver.key;
    EXPECT_EQ(saved_bytes(shape, saver, 32),
              plan_step(shape, 32).tensors() - plan_step(with_saver(shape, saver), 32).tensors());
  }
}

TEST(Savers, AreTakenOnlyAsFarAsNeeded) {
  const StepShape shape = base();
  const std::uint64_t whole = plan_step(shape, 1).tensors();
  const std::vector<Saver> all = savers_left(shape);
  const std::uint64_t first_saves = saved_bytes(shape, all[0], 1);
  EXPECT_THAT(keys(*savers_needed(shape, whole, all)), IsEmpty());
  EXPECT_THAT(keys(*savers_needed(shape, whole - first_saves, all)), ElementsAre("gradient_checkpointing"));
  EXPECT_EQ(savers_needed(shape, 0, all), std::nullopt);
}

TEST(Savers, ThatMayNotBeTakenLeaveTheirPartToTheOthers) {
  StepShape slim = base();
  slim.encoder = weights::bert_config({1000, 64, 12, 4, 256, 512});
  std::vector<Saver> all = savers_left(slim);
  StepShape smallest = slim;
  for (const Saver& saver : {all[0], all[2]}) smallest = with_saver(smallest, saver);
  const std::uint64_t room = plan_step(smallest, 1).tensors();
  all.erase(all.begin() + 1);
  EXPECT_THAT(keys(*savers_needed(slim, room, all)), ElementsAre("gradient_checkpointing", "max_seq_length"));
}

TEST(Savers, ThatSaveNextToNothingOfOneFeatureAreLeftOut) {
  StepShape shape = base();
  shape.gradient_checkpointing = true;  // one layer is left, and the optimizer outweighs it
  EXPECT_FALSE(helps_one_feature(shape, savers_left(shape)[0]));
}

TEST(Savers, ThatCostMemorySaveNothing) {
  StepShape shape = base();
  shape.encoder = weights::bert_config({1000, 64, 1, 4, 256, 512});  // the one layer is recomputed whole
  const Saver recompute = savers_left(shape)[0];
  EXPECT_GT(plan_step(with_saver(shape, recompute), 8).tensors(), plan_step(shape, 8).tensors());
  EXPECT_EQ(saved_bytes(shape, recompute, 8), 0U);
}

TEST(Savers, ThatSaveNothingInAnEvaluationAreNotTakenForOne) {
  StepShape shape = base();
  shape.encoder = weights::bert_config({1000, 64, 2, 4, 2048, 512});
  const std::vector<Saver> all = savers_left(shape);
  ASSERT_TRUE(helps_one_feature(shape, all[0]));
  shape.is_evaluation = true;
  EXPECT_EQ(plan_least(shape).total(), plan_evaluation(shape, 1).total());
  EXPECT_EQ(saved_bytes(shape, all[0], 1), 0U);
  EXPECT_FALSE(helps_one_feature(shape, all[0]));
  const auto taken = savers_needed(shape, plan_step(with_saver(shape, all[1]), 1).tensors(), all);
  ASSERT_TRUE(taken);
  EXPECT_THAT(keys(*taken), ElementsAre("bf16"));
}

TEST(Savers, OfferNoWindowsBelowSixtyFourTokens) {
  StepShape shape = base();
  shape.length = 96;
  EXPECT_EQ(savers_left(shape).back().value, "64");
  shape.length = 95;
  EXPECT_THAT(keys(savers_left(shape)), ElementsAre("gradient_checkpointing", "bf16"));
}

TEST(Savers, ThatDoNotHelpAreNotTakenOnTheWayToOneThatDoes) {
  StepShape shape = base();
  shape.encoder = weights::bert_config({1000, 64, 1, 4, 256, 512});
  std::vector<Saver> all = savers_left(shape);
  all.erase(all.begin() + 1);
  ASSERT_FALSE(helps_one_feature(shape, all[0]));
  const auto taken = savers_needed(shape, plan_step(with_saver(shape, all[1]), 1).tensors(), all);
  ASSERT_TRUE(taken);
  EXPECT_THAT(keys(*taken), ElementsAre("max_seq_length"));
}

}  // namespace
}  // namespace bertft::memory
