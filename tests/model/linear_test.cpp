#include "model/linear.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <gtest/gtest.h>

#include <functional>

namespace bertft::model {
namespace {

using Linear = std::function<at::Tensor(const at::Tensor&, const at::Tensor&, const at::Tensor&)>;

struct Pass {
  at::Tensor out, x, weight, bias;  // the last three: gradients
};

// 1,100 rows: three blocks, the last one short.
Pass pass_through(const Linear& linear, at::ScalarType x_type) {
  at::manual_seed(7);
  const auto leaf = [](const at::Tensor& values) { return values.detach().requires_grad_(true); };
  const at::Tensor x = leaf(at::randn({1100, 48}).to(x_type));
  const at::Tensor weight = leaf(at::randn({24, 48}) / 7), bias = leaf(at::randn({24}));
  const at::Tensor out = linear(x, weight, bias);
  out.backward(at::randn({1100, 24}).to(out.scalar_type()));
  return {out.detach(), x.grad(), weight.grad(), bias.grad()};
}

// The same in one double precision product of the rounded operands.
at::Tensor exact(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias) {
  const auto rounded = [](const at::Tensor& t) { return t.to(at::kBFloat16).to(at::kDouble); };
  return at::linear(rounded(x), rounded(weight), rounded(bias)).to(at::kBFloat16);
}

at::Tensor autocast(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias) {
  const auto half = [](const at::Tensor& t) { return t.to(at::kBFloat16); };
  return at::linear(half(x), half(weight), half(bias));
}

double distance(const at::Tensor& a, const at::Tensor& b) {
  return (a.to(at::kDouble) - b.to(at::kDouble)).norm().item<double>() / b.to(at::kDouble).norm().item<double>();
}

class LinearThroughFp32 : public testing::TestWithParam<at::ScalarType> {
 protected:
  const Pass ours_ = pass_through(linear_bf16_through_fp32, GetParam());
};

TEST_P(LinearThroughFp32, IsTheProductOfTheRoundedOperands) {
  const Pass expected = pass_through(exact, GetParam());
  EXPECT_EQ(ours_.out.scalar_type(), at::kBFloat16);
  EXPECT_EQ(ours_.x.scalar_type(), GetParam());
  EXPECT_EQ(ours_.weight.scalar_type(), at::kFloat);
  EXPECT_LT(distance(ours_.out, expected.out), 1e-4);  // but for ties that fp32 rounds otherwise
  EXPECT_LT(distance(ours_.x, expected.x), 3e-3);      // there rounded to bfloat16 on the way
  EXPECT_LT(distance(ours_.weight, expected.weight), 3e-3);
  EXPECT_LT(distance(ours_.bias, expected.bias), 3e-3);
}

TEST_P(LinearThroughFp32, IsWhatAutocastGivesButForRounding) {
  const Pass expected = pass_through(autocast, GetParam());
  EXPECT_LT(distance(ours_.out, expected.out), 3e-3);
  EXPECT_LT(distance(ours_.x, expected.x), 5e-3);
  EXPECT_LT(distance(ours_.weight, expected.weight), 5e-3);
  EXPECT_LT(distance(ours_.bias, expected.bias), 5e-3);
}

INSTANTIATE_TEST_SUITE_P(Inputs, LinearThroughFp32, testing::Values(at::kFloat, at::kBFloat16));

TEST(AsCastOf, SumsTheGradientsOfAllUsersInFloat32) {
  const at::Tensor x = at::ones({2, 3}).requires_grad_(true);
  const at::Tensor half = x.detach().to(at::kBFloat16);
  const double small = 1.0 / 512;  // beside 1 less than half a unit in the last place of bfloat16
  at::Tensor sum = at::zeros({});
  for (const double factor : {1.0, small, small}) sum = sum + (as_cast_of(x, half) * factor).sum().to(at::kFloat);
  sum.backward();
  EXPECT_EQ(x.grad().scalar_type(), at::kFloat);
  EXPECT_TRUE(at::equal(x.grad(), at::full({2, 3}, 1 + 2 * small)));
}

TEST(AsCastOf, HandsOutTheCopyItself) {
  const at::Tensor x = at::ones({2, 3}).requires_grad_(true);
  const at::Tensor half = x.detach().to(at::kBFloat16);
  EXPECT_EQ(as_cast_of(x, half).const_data_ptr(), half.const_data_ptr());
  const at::NoGradGuard no_grad;
  EXPECT_FALSE(as_cast_of(x, half).requires_grad());
}

}  // namespace
}  // namespace bertft::model
