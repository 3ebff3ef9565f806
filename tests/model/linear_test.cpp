#include "model/linear.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <functional>

namespace bertft::model {
namespace {

using Product = std::function<at::Tensor(const at::Tensor& x, const LinearWeights&)>;

struct Pass {
  at::Tensor out, x, weight, bias;  // the last three: gradients
};

// 1,100 rows: three blocks, the last one short. The parameters are fp32, the products of copies in `half`.
Pass pass_through(at::ScalarType half, const Product& product) {
  at::manual_seed(7);
  const auto leaf = [](const at::Tensor& values) { return values.detach().requires_grad_(true); };
  const at::Tensor x = leaf(at::randn({1100, 48}).to(half));
  const LinearWeights parameters{leaf(at::randn({24, 48}) / 7), leaf(at::randn({24}))};
  const at::Tensor out = product(x, parameters.to(half));
  out.backward(at::randn({1100, 24}).to(half));
  return {out.detach(), x.grad(), parameters.weight.grad(), parameters.bias.grad()};
}

// In one double precision product.
at::Tensor exact(const at::Tensor& x, const LinearWeights& weights) {
  return at::linear(x.to(at::kDouble), weights.weight.to(at::kDouble), weights.bias.to(at::kDouble))
      .to(x.scalar_type());
}

at::Tensor of_aten(const at::Tensor& x, const LinearWeights& weights) {
  return at::linear(x, weights.weight, weights.bias);
}

double distance(const at::Tensor& a, const at::Tensor& b) {
  return (a.to(at::kDouble) - b.to(at::kDouble)).norm().item<double>() / b.to(at::kDouble).norm().item<double>();
}

class LinearThroughFp32 : public testing::TestWithParam<at::ScalarType> {};

TEST_P(LinearThroughFp32, IsTheProductOfTheRoundedOperands) {
  const Pass ours = pass_through(GetParam(), linear_through_fp32), expected = pass_through(GetParam(), exact);
  EXPECT_EQ(ours.out.scalar_type(), GetParam());
  EXPECT_EQ(ours.weight.scalar_type(), at::kFloat);
  for (const auto& [a, b] : {std::pair(ours.out, expected.out),
                             {ours.x, expected.x},
                             {ours.weight, expected.weight},
                             {ours.bias, expected.bias}}) {
    EXPECT_LT(distance(a, b), 1e-4);  // but for ties that fp32 rounds otherwise
  }
}

TEST_P(LinearThroughFp32, IsWhatAtenGivesButForRounding) {
  const Pass ours = pass_through(GetParam(), linear_through_fp32), expected = pass_through(GetParam(), of_aten);
  for (const auto& [a, b] : {std::pair(ours.out, expected.out),
                             {ours.x, expected.x},
                             {ours.weight, expected.weight},
                             {ours.bias, expected.bias}}) {
    EXPECT_LT(distance(a, b), 3e-3);
  }
}

INSTANTIATE_TEST_SUITE_P(Types, LinearThroughFp32, testing::Values(at::kBFloat16, at::kHalf));

class Linear : public testing::TestWithParam<at::ScalarType> {};

TEST_P(Linear, TakesItsInputInTheTypeOfItsWeights) {
  const auto of_wide = [](const at::Tensor& x, const LinearWeights& weights) {
    return linear(x.to(at::kFloat), weights);
  };
  const Pass wide = pass_through(GetParam(), of_wide), same = pass_through(GetParam(), linear);
  EXPECT_EQ(wide.out.scalar_type(), GetParam());
  EXPECT_TRUE(at::equal(wide.out, same.out));
  EXPECT_TRUE(at::equal(wide.x, same.x));
}

INSTANTIATE_TEST_SUITE_P(Types, Linear, testing::Values(at::kFloat, at::kBFloat16, at::kHalf));

}  // namespace
}  // namespace bertft::model
