#include "bertft/optim/schedule.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

namespace bertft::optim {
namespace {

constexpr std::int64_t kTotal = 10;

std::vector<double> factors(Schedule schedule, std::int64_t warmup, std::int64_t count) {
  std::vector<double> result;
  for (std::int64_t step = 0; step < count; ++step) result.push_back(schedule_factor(schedule, step, warmup, kTotal));
  return result;
}

auto are(const std::vector<double>& expected) {
  return testing::Pointwise(testing::DoubleNear(1e-15), expected);
}

std::int64_t steps_of(double warmup_steps, std::int64_t total, Schedule schedule = Schedule::kLinear) {
  return warmup_step_count({.lr_scheduler_type = schedule, .warmup_steps = warmup_steps}, total);
}

TEST(WarmUp, FromOneOnIsANumberOfSteps) {
  EXPECT_EQ(steps_of(1.0, 100), 1);
  EXPECT_EQ(steps_of(12, 100), 12);
  EXPECT_EQ(steps_of(12.9, 100), 12);
  EXPECT_GT(steps_of(1e300, 100), 100);
}

TEST(WarmUp, BelowOneIsAShareRoundedUp) {
  EXPECT_EQ(steps_of(0, 100), 0);
  EXPECT_EQ(steps_of(0.07, 100), 8);  // 0.07 * 100 is a little above 7 in double
  EXPECT_EQ(steps_of(0.5, 3), 2);
}

TEST(WarmUp, IsNoPartOfTheConstantSchedule) {
  EXPECT_EQ(steps_of(12, 100, Schedule::kConstant), 0);
  EXPECT_EQ(steps_of(12, 100, Schedule::kConstantWithWarmup), 12);
}

// What transformers 5.17's get_{linear,cosine,constant}_schedule_with_warmup give over 10 steps.
TEST(Schedule, LinearFollowsTransformers) {
  EXPECT_THAT(factors(Schedule::kLinear, 0, 12), are({1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1, 0.0, 0.0}));
  EXPECT_THAT(factors(Schedule::kLinear, 3, 12),
              are({0.0, 0.3333333333333333, 0.6666666666666666, 1.0, 0.8571428571428571, 0.7142857142857143,
                   0.5714285714285714, 0.42857142857142855, 0.2857142857142857, 0.14285714285714285, 0.0, 0.0}));
}

TEST(Schedule, CosineFollowsTransformers) {
  EXPECT_THAT(factors(Schedule::kCosine, 3, 11),
              are({0.0, 0.3333333333333333, 0.6666666666666666, 1.0, 0.9504844339512095, 0.8117449009293668,
                   0.6112604669781572, 0.38873953302184283, 0.18825509907063326, 0.04951556604879048, 0.0}));
}

TEST(Schedule, ConstantWithWarmUpFollowsTransformers) {
  EXPECT_THAT(factors(Schedule::kConstantWithWarmup, 3, 5),
              are({0.0, 0.3333333333333333, 0.6666666666666666, 1.0, 1.0}));
}

TEST(Schedule, ConstantIgnoresWarmUp) {
  const std::int64_t warmup = steps_of(3, kTotal, Schedule::kConstant);
  EXPECT_THAT(factors(Schedule::kConstant, warmup, 3), are({1.0, 1.0, 1.0}));
}

TEST(Schedule, OfNothingButWarmUpNeverReachesThePeak) {
  EXPECT_DOUBLE_EQ(schedule_factor(Schedule::kLinear, 9, 10, kTotal), 0.9);
  EXPECT_DOUBLE_EQ(schedule_factor(Schedule::kCosine, 9, 12, kTotal), 0.75);
}

}  // namespace
}  // namespace bertft::optim
