#include "bertft/train/step_engine.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "train/torch/small_run.h"

namespace bertft::train {
namespace {

class MicroBatches : public testing::TestWithParam<data::MicroBatchLimit> {};

// Dropout is on. The step is the same but for the order in which float sums are formed.
TEST_P(MicroBatches, OfAnySizeGiveTheSameStep) {
  const data::Features features = seven_windows();
  TrainedModel whole, cut;
  for (std::int64_t step = 0; step < 3; ++step) {
    const StepResult expected = whole.step(features, {}, step);
    const StepResult result = cut.step(features, GetParam(), step);
    EXPECT_NEAR(result.loss, expected.loss, 1e-6 * expected.loss);
    EXPECT_NEAR(result.grad_norm, expected.grad_norm, 1e-5 * expected.grad_norm);
    EXPECT_EQ(result.num_tokens, expected.num_tokens);
    EXPECT_EQ(result.num_features, 7);
  }
  // Adam divides by the gradient's size: where that is near zero its sign is noise.
  const at::Tensor difference = (whole.state() - cut.state()).abs();
  EXPECT_LT(difference.median().item<float>(), 1e-8);
  EXPECT_LT(difference.max().item<float>(), 3 * kLearningRate);
}

INSTANTIATE_TEST_SUITE_P(Limits, MicroBatches,
                         testing::Values(data::MicroBatchLimit{.features = 1, .tokens = {}},
                                         data::MicroBatchLimit{.features = 2, .tokens = {}},
                                         data::MicroBatchLimit{.features = 5, .tokens = {}},
                                         data::MicroBatchLimit{.features = {}, .tokens = 1},
                                         data::MicroBatchLimit{.features = {}, .tokens = 30}));

TEST(StepEngine, DoesTheSameStepInBf16WithOneThreadAndTwo) {
  const data::Features features = seven_windows();
  const device::Device bf16 = model::device_of(device::Precision::kBf16);
  const auto step_with = [&](int count) {
    const Threads threads(count);
    return TrainedModel(bert_for_words(), bf16).step(features, {});
  };
  const StepResult one = step_with(1), two = step_with(2);
  EXPECT_NEAR(one.loss, two.loss, 1e-6 * one.loss);
  EXPECT_NEAR(one.grad_norm, two.grad_norm, 1e-4 * one.grad_norm);
}

struct Fp16Step {
  StepResult result;
  LossScale scale;
  at::Tensor state;
};
Fp16Step step_in_fp16(const LossScale& scale, const data::MicroBatchLimit& limit = {}) {
  TrainedModel run(bert_for_words(), model::device_of(device::Precision::kFp16));
  const data::Features features = seven_windows();
  StepEngine engine = run.engine(features, limit);
  engine.scale_loss(scale);
  const StepResult result = TrainedModel::run(engine, features, 0);
  return {result, engine.loss_scale().value(), run.state()};
}

TEST(LossInFp16, IsScaledForTheBackwardPassAlone) {
  const StepResult exact = TrainedModel().step(seven_windows(), {});
  for (const double scale : {1024.0, 65536.0}) {
    const StepResult step = step_in_fp16({scale, 0}).result;
    EXPECT_TRUE(step.applied);
    EXPECT_NEAR(step.loss, exact.loss, 2e-3 * exact.loss) << scale;
    EXPECT_NEAR(step.grad_norm, exact.grad_norm, 5e-3 * exact.grad_norm) << scale;
  }
}

TEST(LossInFp16, IsTheSameInAnyMicroBatches) {
  const Fp16Step whole = step_in_fp16({}), cut = step_in_fp16({}, {.features = 2, .tokens = {}});
  EXPECT_NEAR(cut.result.loss, whole.result.loss, 1e-5 * whole.result.loss);
  EXPECT_NEAR(cut.result.grad_norm, whole.result.grad_norm, 1e-3 * whole.result.grad_norm);
}

TEST(LossInFp16, KeepsGradientsThatUnscaledWouldVanish) {
  constexpr double kVanishing = 1.0 / (1 << 20);  // what is left of gradients that are small to begin with
  const double exact = TrainedModel().step(seven_windows(), {}).grad_norm;
  EXPECT_GT(std::abs(step_in_fp16({kVanishing, 0}).result.grad_norm / exact - 1), 0.05);
}

TEST(LossInFp16, OfAStepWhoseGradientsOverflowIsScaledByHalfUntilTheyDoNot) {
  const Fp16Step step = step_in_fp16({1LL << 40, 7});
  EXPECT_TRUE(step.result.applied);
  EXPECT_LT(step.scale.value(), 1LL << 40);
  EXPECT_EQ(step.scale.steps_since_change(), 1);
  const Fp16Step at_once = step_in_fp16({step.scale.value(), 0});
  EXPECT_TRUE(at::equal(step.state, at_once.state)) << "the tries before have left something";
  EXPECT_FALSE(step_in_fp16({2 * step.scale.value(), 0}).scale == LossScale(2 * step.scale.value(), 1));
}

TEST(LossInFp16, KeepsItsScaleWhereThatIsNotToBlame) {
  model::TinyModel bert = bert_for_words();
  bert.replace("qa_outputs.bias", at::full_like(bert.value("qa_outputs.bias"), NAN));
  TrainedModel run(bert, model::device_of(device::Precision::kFp16));
  const data::Features features = seven_windows();
  StepEngine engine = run.engine(features, {});
  engine.scale_loss({4096, 7});
  EXPECT_FALSE(TrainedModel::run(engine, features, 0).applied);
  EXPECT_EQ(engine.loss_scale(), LossScale(4096, 7));
}

// What the last norm takes differs by a millionth from number to number: its gradient is so many times that of what it
// gives, past fp16 at any scale.
TEST(LossInFp16, ThatIsFiniteLeavesAStepOutWhoseGradientsOverflowAtAnyScale) {
  model::TinyModel bert = bert_for_words();
  const std::string layer = "bert.encoder.layer.1.";
  for (const auto& [name, value] : {std::pair{"attention.output.LayerNorm.weight", 1e-6},
                                    {"attention.output.LayerNorm.bias", 0.0},
                                    {"output.dense.weight", 0.0},
                                    {"output.dense.bias", 0.0},
                                    {"output.LayerNorm.weight", 10.0}}) {
    bert.replace(layer + name, at::full_like(bert.value(layer + name), value));
  }
  TrainedModel run(bert, model::device_of(device::Precision::kFp16));
  const data::Features features = seven_windows();
  StepEngine engine = run.engine(features, {});
  engine.scale_loss({4, 7});
  const at::Tensor before = run.state();
  const StepResult result = TrainedModel::run(engine, features, 0);
  EXPECT_FALSE(result.applied);
  EXPECT_TRUE(std::isfinite(result.loss)) << result.loss;
  EXPECT_EQ(engine.loss_scale(), LossScale(4, 7));
  EXPECT_TRUE(at::equal(run.state(), before));
}

TEST(StepEngine, RepeatsAStepToTheSameBits) {
  const data::Features features = seven_windows();
  TrainedModel first, second;
  first.step(features, {.features = 3, .tokens = {}});
  second.step(features, {.features = 3, .tokens = {}});
  EXPECT_TRUE(at::equal(first.state(), second.state()));
}

TEST(StepEngine, DrawsOtherDropoutMasksInEachStep) {
  const data::Features features = seven_windows();
  TrainedModel first, second;
  EXPECT_NE(first.step(features, {}, 0).loss, second.step(features, {}, 1).loss);
}

TEST(StepEngine, TellsOfEachMicroBatchButTheLast) {
  const data::Features features = seven_windows();
  TrainedModel run;
  StepEngine engine = run.engine(features, {.features = 3, .tokens = {}});
  std::vector<std::pair<std::int64_t, std::int64_t>> told;
  engine.on_progress([&](std::int64_t done, std::int64_t total) { told.emplace_back(done, total); });
  TrainedModel::run(engine, features, 0);
  EXPECT_EQ(told, (std::vector<std::pair<std::int64_t, std::int64_t>>{{3, 7}, {6, 7}}));
}

TEST(StepEngine, LowersTheLossOfABatchItSeesAgain) {
  const data::Features features = seven_windows();
  TrainedModel run;
  const double before = run.step(features, {}).loss;
  for (std::int64_t step = 1; step < 30; ++step) run.step(features, {}, step);
  EXPECT_LT(run.step(features, {}, 30).loss, before / 2);
}

TEST(StepEngine, ChangesNothingWhenTheLossIsNotFinite) {
  const data::Features features = seven_windows();
  model::TinyModel bert = bert_for_words();
  at::Tensor bias = bert.value("qa_outputs.bias").clone();
  bias[0] = std::numeric_limits<float>::quiet_NaN();
  bert.replace("qa_outputs.bias", bias);
  TrainedModel run(bert);
  const at::Tensor before = run.state();
  EXPECT_FALSE(run.step(features, {.features = 2, .tokens = {}}).applied);
  EXPECT_TRUE(at::allclose(run.state(), before, 0, 0, /*equal_nan=*/true));
}

TEST(StepEngine, GoesOnAfterAStepThatWasNotAppliedAsIfItHadNotBeen) {
  const data::Features features = seven_windows();
  TrainedModel run, expected;
  run.step(features, {}, 0);
  expected.step(features, {}, 0);

  const at::Tensor bias = run.model().parameters().back().tensor.detach();
  const at::Tensor kept = bias.clone();
  bias.fill_(std::numeric_limits<float>::infinity());
  ASSERT_FALSE(run.step(features, {}, 1).applied);
  bias.copy_(kept);

  run.step(features, {}, 2);
  expected.step(features, {}, 2);
  EXPECT_TRUE(at::equal(run.state(), expected.state()));
}

}  // namespace
}  // namespace bertft::train
