#include <cmath>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "bertft/optim/adamw.h"
#include "bertft/optim/schedule.h"

namespace bertft::optim {
namespace {

TEST(Schedule, ReadsWarmUpBelowOneAsAShareRoundedUp) {
  EXPECT_EQ(warmup_step_count(0.07, 100), 8);  // 0.07 * 100 is a little above 7 in double
  EXPECT_EQ(warmup_step_count(1.0, 100), 1);
  EXPECT_EQ(warmup_step_count(12, 100), 12);
}

TEST(Schedule, FollowsTransformers) {
  EXPECT_DOUBLE_EQ(schedule_factor(Schedule::kLinear, 0, 0, 4), 1.0);
  EXPECT_DOUBLE_EQ(schedule_factor(Schedule::kLinear, 3, 0, 4), 0.25);
  EXPECT_DOUBLE_EQ(schedule_factor(Schedule::kLinear, 0, 2, 10), 0.0);
  EXPECT_DOUBLE_EQ(schedule_factor(Schedule::kLinear, 1, 2, 10), 0.5);
  EXPECT_DOUBLE_EQ(schedule_factor(Schedule::kLinear, 6, 2, 10), 0.5);
  EXPECT_DOUBLE_EQ(schedule_factor(Schedule::kCosine, 6, 2, 10), 0.5);
  EXPECT_DOUBLE_EQ(schedule_factor(Schedule::kConstantWithWarmup, 1, 4, 10), 0.25);
  EXPECT_DOUBLE_EQ(schedule_factor(Schedule::kConstant, 1, 4, 10), 1.0);
}

TEST(AdamW, SparesBiasesAndNormsFromDecay) {
  EXPECT_TRUE(is_decayed("bert.encoder.layer.0.attention.self.query.weight"));
  EXPECT_TRUE(is_decayed("bert.embeddings.word_embeddings.weight"));
  EXPECT_FALSE(is_decayed("bert.encoder.layer.0.output.dense.bias"));
  EXPECT_FALSE(is_decayed("bert.embeddings.LayerNorm.weight"));
  EXPECT_FALSE(is_decayed("encoder.final_norm.weight"));
  EXPECT_TRUE(is_decayed("encoder.normal.weight"));
}

// The update rule of Loshchilov and Hutter in double, one element at a time.
struct SlowAdamW {
  double weight, m = 0, v = 0;
  void step(double g, double lr, double decay, int t, const OptimOptions& o) {
    weight *= 1 - lr * decay;
    m = o.adam_beta1 * m + (1 - o.adam_beta1) * g;
    v = o.adam_beta2 * v + (1 - o.adam_beta2) * g * g;
    const double m_hat = m / (1 - std::pow(o.adam_beta1, t)), v_hat = v / (1 - std::pow(o.adam_beta2, t));
    weight -= lr * m_hat / (std::sqrt(v_hat) + o.adam_epsilon);
  }
};

class AdamWSteps : public testing::Test {
 protected:
  AdamWSteps() {
    options.weight_decay = 0.1;
    options.max_grad_norm = 0.5;
  }

  static std::vector<NamedTensor> parameters() {
    return {{"dense.weight", at::tensor({1.0, -2.0}, at::kFloat).requires_grad_(true)},
            {"dense.bias", at::tensor({0.5}, at::kFloat).requires_grad_(true)}};
  }

  static void give_gradients(const AdamW& optimizer, int step) {
    const auto& p = optimizer.parameters();
    p[0].tensor.mutable_grad() = at::tensor({std::sin(step * 1.0), 2.0}, at::kFloat);
    p[1].tensor.mutable_grad() = at::tensor({std::cos(step * 3.0)}, at::kFloat);
  }

  OptimOptions options;
};

TEST_F(AdamWSteps, EqualTheRuleInDoubleWithDecayAndClipping) {
  AdamW optimizer(parameters(), options);
  std::vector<SlowAdamW> slow = {{1.0}, {-2.0}, {0.5}};
  for (int t = 1; t <= 10; ++t) {
    give_gradients(optimizer, t);
    const double a = std::sin(t * 1.0), b = 2.0, c = std::cos(t * 3.0);
    const double norm = std::sqrt(a * a + b * b + c * c);
    const double clip = std::min(1.0, 0.5 / (norm + 1e-6));
    EXPECT_NEAR(optimizer.clip_gradients(), norm, 1e-6);
    optimizer.step(0.01);
    slow[0].step(a * clip, 0.01, 0.1, t, options);
    slow[1].step(b * clip, 0.01, 0.1, t, options);
    slow[2].step(c * clip, 0.01, 0.0, t, options);
  }
  const auto& p = optimizer.parameters();
  EXPECT_NEAR(p[0].tensor[0].item<double>(), slow[0].weight, 1e-6);
  EXPECT_NEAR(p[0].tensor[1].item<double>(), slow[1].weight, 1e-6);
  EXPECT_NEAR(p[1].tensor[0].item<double>(), slow[2].weight, 1e-6);
}

TEST_F(AdamWSteps, GoOnBitIdenticallyFromTheirState) {
  AdamW whole(parameters(), options), first(parameters(), options);
  for (int t = 1; t <= 6; ++t) {
    give_gradients(whole, t);
    whole.step(0.01);
  }
  for (int t = 1; t <= 3; ++t) {
    give_gradients(first, t);
    first.step(0.01);
  }
  std::vector<NamedTensor> weights;
  for (const auto& [name, value] : first.parameters()) weights.push_back({name, value.detach().clone().requires_grad_(true)});
  AdamW second(weights, options);
  second.load_state(first.state(), first.steps_done());
  for (int t = 4; t <= 6; ++t) {
    give_gradients(second, t);
    second.step(0.01);
  }
  for (std::size_t i = 0; i < 2; ++i) {
    EXPECT_TRUE(at::equal(whole.parameters()[i].tensor, second.parameters()[i].tensor));
  }
}

}  // namespace
}  // namespace bertft::optim
