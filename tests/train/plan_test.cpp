#include "bertft/train/plan.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <numeric>
#include <vector>

#include "bertft/data/batch.h"
#include "bertft/util/error.h"

namespace bertft::train {
namespace {

TrainOptions options(std::int64_t batch, std::int64_t accumulation, double epochs) {
  TrainOptions o;
  o.per_device_train_batch_size = batch;
  o.gradient_accumulation_steps = accumulation;
  o.num_train_epochs = epochs;
  return o;
}

TEST(Plan, CountsTheLastPartialBatchAndAccumulation) {
  const Plan plan = make_plan(20, options(4, 3, 2));
  EXPECT_EQ(plan.steps_per_epoch, 2);
  EXPECT_EQ(plan.total_steps, 4);  // as transformers 5.17 counts this case
}

TEST(Plan, ReadsIntervalsBelowOneAsShares) {
  TrainOptions o = options(10, 1, 1);
  o.logging_steps = 0.25;
  o.save_steps = 0.001;
  const Plan plan = make_plan(100, o);
  EXPECT_EQ(plan.logging_steps, 3);
  EXPECT_EQ(plan.save_steps, 1);
  EXPECT_EQ(plan.eval_steps, 3);  // unset: logging_steps
}

TEST(Plan, KnowsHowManyCheckpointsThereAreAtMost) {
  TrainOptions o = options(10, 1, 3);  // 30 steps
  o.save_steps = 5;
  o.save_total_limit.reset();
  bool evaluates = false;
  const auto most = [&] { return most_checkpoints(make_plan(100, o), o, evaluates); };
  EXPECT_EQ(most(), 6);
  o.save_steps = 7;
  EXPECT_EQ(most(), 4 + 1) << "the last step, too";
  o.save_total_limit = 1;
  EXPECT_EQ(most(), 1 + 1) << "and the one being written";
  for (const std::int64_t all : {std::int64_t{100}, std::numeric_limits<std::int64_t>::max()}) {
    o.save_total_limit = all;
    EXPECT_EQ(most(), 4 + 1);
  }
  o.save_strategy = IntervalStrategy::kEpoch;
  EXPECT_EQ(most(), 3);
  o.save_strategy = IntervalStrategy::kNo;
  EXPECT_EQ(most(), 1);
  evaluates = true;
  EXPECT_EQ(most(), 1) << "no best one is saved either";
  o.save_strategy = IntervalStrategy::kSteps;
  o.save_total_limit = 1;
  EXPECT_EQ(most(), 1 + 1 + 1) << "the best one, too";
  o.save_total_limit.reset();
  o.eval_strategy = IntervalStrategy::kSteps;
  o.eval_steps = 10;
  EXPECT_EQ(most(), 4 + 1 + 2) << "each evaluation may bring a best one";
  o.eval_steps = 1;
  EXPECT_EQ(most(), 30) << "there are no more steps";
}

TEST(Plan, CutsMicroBatchesByFeaturesAndByTokens) {
  TrainOptions o = options(8, 2, 1);
  EXPECT_EQ(micro_batch(o, 16, 384), 16);
  o.micro_batch_features = 6;
  EXPECT_EQ(micro_batch(o, 16, 384), 6);
  o.micro_batch_tokens = 4 * 384 + 1;
  EXPECT_EQ(micro_batch(o, 16, 384), 4);
  EXPECT_EQ(micro_batch(o, 16, 384, 2 * 384), 2) << "a budget in force";
  EXPECT_EQ(micro_batch(o, 16, 384, 5 * 384), 4) << "a budget above what the options ask for";
  EXPECT_EQ(micro_batch(o, 16, 384, 100), 1) << "never less than a feature";
  EXPECT_EQ(micro_batch(options(100'000, 1, 1), 100'000, 64), data::kMostSequences);
}

TEST(Plan, KnowsTheIntervalOfAStrategy) {
  const Plan plan = make_plan(100, options(8, 1, 2));
  EXPECT_EQ(interval_of(IntervalStrategy::kNo, 5, plan), std::nullopt);
  EXPECT_EQ(interval_of(IntervalStrategy::kSteps, 5, plan), 5);
  EXPECT_EQ(interval_of(IntervalStrategy::kEpoch, 5, plan), plan.steps_per_epoch);
}

TEST(Plan, HasNoStepLargerThanTheData) {
  EXPECT_EQ(make_plan(100, options(8, 2, 1)).largest_step(), 16);
  EXPECT_EQ(make_plan(10, options(8, 2, 1)).largest_step(), 10);
}

TEST(Plan, RefusesToDropEverything) {
  TrainOptions o = options(8, 1, 1);
  o.dataloader_drop_last = true;
  EXPECT_THROW(make_plan(7, o), DataError);
}

TEST(Plan, RefusesABatchOrALengthBeyondAnyRun) {
  constexpr std::int64_t kHuge = std::int64_t{1} << 62;
  EXPECT_THROW(make_plan(100, options(kHuge, 4, 1)), ConfigError);
  TrainOptions endless = options(8, 1, 1);
  endless.num_train_epochs = 1e300;
  EXPECT_THROW(make_plan(100, endless), ConfigError);
  endless.max_steps = kHuge;
  EXPECT_THROW(make_plan(100, endless), ConfigError);
  TrainOptions rare = options(8, 1, 1);
  rare.logging_steps = 1e300;
  EXPECT_GT(make_plan(100, rare).logging_steps, 0);
}

TEST(DataOrder, VisitsEachFeatureOnceAnEpochInAnotherOrderEachTime) {
  const Plan plan = make_plan(20, options(4, 2, 2));
  DataOrder order(plan, 42);
  std::vector<std::vector<std::uint32_t>> epochs(2);
  for (std::int64_t step = 0; step < plan.total_steps; ++step) {
    const auto windows = order.windows(step);
    auto& seen = epochs[static_cast<std::size_t>(step / plan.steps_per_epoch)];
    seen.insert(seen.end(), windows.begin(), windows.end());
  }
  EXPECT_NE(epochs[0], epochs[1]);
  for (auto& epoch : epochs) {
    std::sort(epoch.begin(), epoch.end());
    std::vector<std::uint32_t> all(20);
    std::iota(all.begin(), all.end(), 0U);
    EXPECT_EQ(epoch, all);
  }
}

TEST(Plan, CountsEpochsInBatchesOfWhichTheLastStepMayHaveFewer) {
  TrainOptions options;
  options.per_device_train_batch_size = 4;
  options.gradient_accumulation_steps = 5;
  const Plan plan = make_plan(41, options);  // 11 batches
  EXPECT_EQ(plan.steps_per_epoch, 3);
  EXPECT_EQ(plan.epoch_after(2), 10.0 / 11);
  EXPECT_EQ(plan.epoch_after(3), 1.0);
  EXPECT_EQ(plan.epoch_after(4), 1.0 + 5.0 / 11);
}

TEST(Plan, DropsTheLastPartialBatchAndNotThatOfAccumulation) {
  TrainOptions o = options(4, 2, 1);
  o.dataloader_drop_last = true;
  const Plan plan = make_plan(23, o);  // 5 batches of 4, two to a step
  EXPECT_EQ(plan.used_features, 20);
  EXPECT_EQ(plan.batches_per_epoch, 5);
  EXPECT_EQ(plan.steps_per_epoch, 3);
  EXPECT_EQ(plan.epoch_after(1), 2.0 / 5);
  EXPECT_EQ(DataOrder(plan, 42).windows(2).size(), 4U);
}

TEST(Plan, CutsNoMicroBatchAboveTheBatch) {
  TrainOptions o = options(8, 2, 1);
  o.micro_batch_features = 64;
  EXPECT_EQ(micro_batch(o, 16, 384), 16);
  EXPECT_EQ(micro_batch(o, 16, 384, 1000 * 384), 16);
}

TEST(Plan, CountsAnEpochThatItOnlyBegins) {
  EXPECT_EQ(make_plan(20, options(4, 1, 1.5)).total_steps, 8);
  EXPECT_EQ(make_plan(20, options(4, 1, 1.5)).num_epochs(), 2);
  EXPECT_EQ(make_plan(20, options(4, 1, 0.3)).total_steps, 2);
}

}  // namespace
}  // namespace bertft::train
