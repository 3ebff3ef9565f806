#include "bertft/optim/adamw.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "bertft/util/error.h"
#include "message_of.h"
#include "weights/bert_config.h"

namespace bertft::optim {
namespace {

TEST(Decay, SparesBiasesAndNormsByName) {
  EXPECT_TRUE(is_decayed("bert.encoder.layer.0.attention.self.query.weight"));
  EXPECT_TRUE(is_decayed("bert.embeddings.word_embeddings.weight"));
  EXPECT_FALSE(is_decayed("bert.encoder.layer.0.output.dense.bias"));
  EXPECT_FALSE(is_decayed("bert.embeddings.LayerNorm.weight"));
  EXPECT_FALSE(is_decayed("encoder.final_norm.weight"));
  EXPECT_FALSE(is_decayed("norm.weight"));
  EXPECT_FALSE(is_decayed("encoder.RMSNorm.weight"));
  EXPECT_TRUE(is_decayed("encoder.normal.weight"));
  EXPECT_TRUE(is_decayed("encoder.subnorm.weight"));
}

TEST(Decay, OfBertBaseCoversExactlyTheMatrices) {
  int decayed = 0, spared = 0;
  for (const auto& [name, shape] : weights::expected_tensors(weights::bert_config(weights::kBertBase))) {
    EXPECT_EQ(is_decayed(name), shape.size() == 2) << name;
    ++(is_decayed(name) ? decayed : spared);
  }
  EXPECT_EQ(decayed, 76);
  EXPECT_EQ(spared, 123);
}

// The update rule of Loshchilov and Hutter in double, one element at a time.
struct SlowAdamW {
  double weight, decay;
  double m = 0, v = 0;
  void step(double g, double lr, int t, const OptimOptions& o) {
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

  static std::vector<NamedTensor> copies(const std::vector<NamedTensor>& tensors) {
    std::vector<NamedTensor> result;
    for (const auto& [name, tensor] : tensors) {
      result.push_back({name, tensor.detach().clone().requires_grad_(tensor.requires_grad())});
    }
    return result;
  }

  static std::vector<double> gradients_of(int step) { return {std::sin(step * 1.0), 0.2, std::cos(step * 3.0)}; }
  static void give_gradients(const AdamW& optimizer, const std::vector<double>& g) {
    const auto& p = optimizer.parameters();
    p[0].tensor.mutable_grad() = at::tensor({g[0], g[1]}, at::kFloat);
    p[1].tensor.mutable_grad() = at::tensor({g[2]}, at::kFloat);
  }
  static std::vector<double> values(const std::vector<NamedTensor>& p) {
    return {p[0].tensor[0].item<double>(), p[0].tensor[1].item<double>(), p[1].tensor[0].item<double>()};
  }
  static void run_steps(AdamW& optimizer, int first, int last) {
    for (int t = first; t <= last; ++t) {
      give_gradients(optimizer, gradients_of(t));
      optimizer.step(0.01);
    }
  }

  OptimOptions options;
};

TEST_F(AdamWSteps, EqualTheRuleInDoubleWithDecayAndClipping) {
  AdamW optimizer(parameters(), options);
  std::vector<SlowAdamW> slow = {
      {.weight = 1.0, .decay = 0.1}, {.weight = -2.0, .decay = 0.1}, {.weight = 0.5, .decay = 0}};
  for (int t = 1; t <= 10; ++t) {
    const std::vector<double> g = gradients_of(t);
    const double norm = std::sqrt(g[0] * g[0] + g[1] * g[1] + g[2] * g[2]);
    give_gradients(optimizer, g);
    EXPECT_NEAR(optimizer.clip_gradients().item<double>(), norm, 1e-6);
    optimizer.step(0.01);
    for (std::size_t i = 0; i < 3; ++i) slow[i].step(g[i] * std::min(1.0, 0.5 / (norm + 1e-6)), 0.01, t, options);
  }
  const std::vector<double> ours = values(optimizer.parameters());
  for (std::size_t i = 0; i < 3; ++i) EXPECT_NEAR(ours[i], slow[i].weight, 1e-6);
  EXPECT_EQ(optimizer.steps_done(), 10);
}

TEST_F(AdamWSteps, NeedAGradientOfEveryParameter) {
  AdamW optimizer(parameters(), options);
  give_gradients(optimizer, gradients_of(1));
  at::Tensor spared = optimizer.parameters()[0].tensor;
  spared.mutable_grad().reset();
  EXPECT_THROW(optimizer.step(0.01), std::logic_error);
}

TEST_F(AdamWSteps, GoOnBitIdenticallyFromTheirState) {
  AdamW whole(parameters(), options), first(parameters(), options);
  run_steps(whole, 1, 6);
  run_steps(first, 1, 3);
  AdamW second(copies(first.parameters()), options);
  second.load_state(copies(first.state()), first.steps_done());
  run_steps(second, 4, 6);
  for (std::size_t i = 0; i < 2; ++i) {
    EXPECT_TRUE(at::equal(whole.parameters()[i].tensor, second.parameters()[i].tensor));
  }
  EXPECT_EQ(second.steps_done(), 6);
}

TEST_F(AdamWSteps, ReadAStateThatLacksAMomentAsADamagedCheckpoint) {
  AdamW optimizer(parameters(), options);
  auto state = copies(optimizer.state());
  std::erase_if(state, [](const NamedTensor& moment) { return moment.name == "exp_avg_sq.dense.bias"; });
  EXPECT_THAT(message_of<CheckpointError>([&] { optimizer.load_state(state, 3); }),
              testing::HasSubstr("exp_avg_sq.dense.bias"));
}

TEST_F(AdamWSteps, ReadAStateOfAnotherShapeAsADamagedCheckpoint) {
  AdamW optimizer(parameters(), options);
  auto state = copies(optimizer.state());
  state.front().tensor = at::zeros({1});
  EXPECT_THROW(optimizer.load_state(state, 3), CheckpointError);
}

// Of a table of five rows, those.
AdamW optimizer_of(const std::vector<std::uint32_t>& rows, const OptimOptions& options) {
  const auto num_rows = std::ssize(rows);
  return {{{"words", at::zeros({num_rows, 3}).requires_grad_(true)}},
          options,
          device::PartialTable{"words", rows, at::zeros({5 - num_rows, 3})}};
}

TEST_F(AdamWSteps, GoOnWithTheRowsOfATableThatTheirParameterHolds) {
  const at::Tensor table = at::arange(15, at::kFloat).view({5, 3});
  const auto rows_of = [&](std::vector<std::int64_t> rows) { return table.index_select(0, at::tensor(rows)); };
  AdamW some = optimizer_of({1, 4}, options);
  some.load_state({{"exp_avg.words", table}, {"exp_avg_sq.words", table + 100}}, 3);  // of a run of all
  const std::vector<NamedTensor> state = some.state();
  ASSERT_EQ(state.size(), 3U);
  EXPECT_TRUE(at::equal(state[0].tensor, rows_of({1, 4})));
  EXPECT_TRUE(at::equal(state[1].tensor, rows_of({1, 4}) + 100));
  EXPECT_EQ(state[2].name, "rows.words");
  EXPECT_TRUE(at::equal(state[2].tensor, at::tensor({1, 4}, at::kInt)));

  AdamW others = optimizer_of({0, 1, 2}, options);
  others.load_state(state, 3);
  EXPECT_TRUE(at::equal(others.state()[0].tensor, at::stack({at::zeros({3}), table[1], at::zeros({3})})));
  AdamW all({{"words", at::zeros({5, 3}).requires_grad_(true)}}, options);
  all.load_state(state, 3);
  EXPECT_TRUE(at::equal(all.state()[0].tensor, table.index_fill(0, at::tensor({0, 2, 3}, at::kLong), 0)));
}

TEST_F(AdamWSteps, ReadRowsOfAnotherTableAsADamagedCheckpoint) {
  AdamW optimizer = optimizer_of({1, 4}, options);
  const at::Tensor whole = at::zeros({5, 3});
  for (const at::Tensor& other : {at::zeros({2, 3}), at::zeros({5, 2}), at::zeros({}), at::zeros({5, 3}, at::kInt)}) {
    EXPECT_THROW(optimizer.load_state({{"exp_avg.words", other}, {"exp_avg_sq.words", whole}}, 3), CheckpointError);
  }
  for (const at::Tensor& rows : {at::tensor({1, 4}, at::kInt), at::zeros({5})}) {
    EXPECT_THROW(optimizer.load_state({{"exp_avg.words", whole}, {"exp_avg_sq.words", whole}, {"rows.words", rows}}, 3),
                 CheckpointError);
  }
}

TEST_F(AdamWSteps, ChangeNoWeightAtALearningRateOfZero) {
  AdamW optimizer(parameters(), options);
  give_gradients(optimizer, {1, 2, 3});
  optimizer.step(0);
  EXPECT_EQ(values(optimizer.parameters()), (std::vector<double>{1.0, -2.0, 0.5}));
}

TEST_F(AdamWSteps, LeaveNoGradientsBehindWhenForgotten) {
  AdamW optimizer(parameters(), options);
  give_gradients(optimizer, {1, 2, 3});
  optimizer.zero_grad();
  for (const auto& [name, tensor] : optimizer.parameters()) EXPECT_FALSE(tensor.grad().defined()) << name;
}

class Clipping : public AdamWSteps {
 protected:
  std::vector<double> clipped(const std::vector<double>& gradients) const {
    AdamW optimizer(parameters(), options);
    give_gradients(optimizer, gradients);
    optimizer.clip_gradients();
    const auto& p = optimizer.parameters();
    return {p[0].tensor.grad()[0].item<double>(), p[0].tensor.grad()[1].item<double>(),
            p[1].tensor.grad()[0].item<double>()};
  }
};

TEST_F(Clipping, LeavesGradientsBelowTheBoundAsTheyAre) {
  const std::vector<double> small = {0.25, 0.125, -0.0625};
  EXPECT_EQ(clipped(small), small);
}

TEST_F(Clipping, ScalesAllGradientsAlikeToTheBound) {
  EXPECT_THAT(clipped({3, 4, 12}), testing::Pointwise(testing::DoubleNear(1e-6), {1.5 / 13, 2.0 / 13, 6.0 / 13}));
}

TEST_F(Clipping, IsOffWithoutABoundAndMeasuresAllTheSame) {
  options.max_grad_norm.reset();
  EXPECT_EQ(clipped({3, 4, 12}), (std::vector<double>{3, 4, 12}));
  AdamW optimizer(parameters(), options);
  give_gradients(optimizer, {3, 4, 12});
  EXPECT_DOUBLE_EQ(optimizer.clip_gradients().item<double>(), 13);
}

TEST_F(Clipping, ReportsANormThatIsNotFinite) {
  AdamW optimizer(parameters(), options);
  give_gradients(optimizer, {std::numeric_limits<double>::quiet_NaN(), 4, 12});
  EXPECT_FALSE(std::isfinite(optimizer.clip_gradients().item<double>()));
}

}  // namespace
}  // namespace bertft::optim
