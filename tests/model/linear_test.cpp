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
Pass pass_through(at::ScalarType x_type, const Linear& linear) {
  at::manual_seed(7);
  const auto leaf = [](const at::Tensor& values) { return values.detach().requires_grad_(true); };
  const at::Tensor x = leaf(at::randn({1100, 48}).to(x_type));
  const at::Tensor weight = leaf(at::randn({24, 48}) / 7), bias = leaf(at::randn({24}));
  const at::Tensor out = linear(x, weight, bias);
  out.backward(at::randn({1100, 24}).to(out.scalar_type()));
  return {out.detach(), x.grad(), weight.grad(), bias.grad()};
}

// The same in one double precision product of the rounded operands.
Linear exact(at::ScalarType half) {
  return [half](const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias) {
    const auto rounded = [half](const at::Tensor& t) { return t.to(half).to(at::kDouble); };
    return at::linear(rounded(x), rounded(weight), rounded(bias)).to(half);
  };
}

Linear autocast(at::ScalarType half) {
  return [half](const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias) {
    return at::linear(x.to(half), weight.to(half), bias.to(half));
  };
}

Linear ours(at::ScalarType half) {
  return [half](const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias) {
    return linear_through_fp32(x, weight, bias, half);
  };
}

double distance(const at::Tensor& a, const at::Tensor& b) {
  return (a.to(at::kDouble) - b.to(at::kDouble)).norm().item<double>() / b.to(at::kDouble).norm().item<double>();
}

// The half type, and that of the input.
class LinearThroughFp32 : public testing::TestWithParam<std::pair<at::ScalarType, at::ScalarType>> {
 protected:
  const at::ScalarType half_ = GetParam().first, x_type_ = GetParam().second;
  const Pass ours_ = pass_through(x_type_, ours(half_));
};

TEST_P(LinearThroughFp32, IsTheProductOfTheRoundedOperands) {
  const Pass expected = pass_through(x_type_, exact(half_));
  EXPECT_EQ(ours_.out.scalar_type(), half_);
  EXPECT_EQ(ours_.x.scalar_type(), x_type_);
  EXPECT_EQ(ours_.weight.scalar_type(), at::kFloat);
  EXPECT_LT(distance(ours_.out, expected.out), 1e-4);  // but for ties that fp32 rounds otherwise
  EXPECT_LT(distance(ours_.x, expected.x), 3e-3);      // there rounded to the half type on the way
  EXPECT_LT(distance(ours_.weight, expected.weight), 3e-3);
  EXPECT_LT(distance(ours_.bias, expected.bias), 3e-3);
}

TEST_P(LinearThroughFp32, IsWhatAutocastGivesButForRounding) {
  const Pass expected = pass_through(x_type_, autocast(half_));
  EXPECT_LT(distance(ours_.out, expected.out), 3e-3);
  EXPECT_LT(distance(ours_.x, expected.x), 5e-3);
  EXPECT_LT(distance(ours_.weight, expected.weight), 5e-3);
  EXPECT_LT(distance(ours_.bias, expected.bias), 5e-3);
}

INSTANTIATE_TEST_SUITE_P(Types, LinearThroughFp32,
                         testing::Values(std::pair(at::kBFloat16, at::kFloat), std::pair(at::kBFloat16, at::kBFloat16),
                                         std::pair(at::kHalf, at::kFloat), std::pair(at::kHalf, at::kHalf)));

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
