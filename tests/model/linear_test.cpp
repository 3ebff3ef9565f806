#include "model/linear.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <functional>
#include <vector>

namespace bertft::model {
namespace {

using Product = std::function<at::Tensor(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias)>;

struct Pass {
  at::Tensor out, x, weight, bias;  // the last three: gradients
};

// 1,100 rows: three blocks, the last one short. The parameters are fp32.
Pass pass_through(at::ScalarType x_type, const Product& product) {
  at::manual_seed(7);
  const auto leaf = [](const at::Tensor& values) { return values.detach().requires_grad_(true); };
  const at::Tensor x = leaf(at::randn({1100, 48}).to(x_type));
  const at::Tensor weight = leaf(at::randn({24, 48}) / 7), bias = leaf(at::randn({24}));
  const at::Tensor out = product(x, weight, bias);
  out.backward(at::randn({1100, 24}).to(out.scalar_type()));
  return {out.detach(), x.grad(), weight.grad(), bias.grad()};
}

// Of parameters rounded to a half type.
Product of_rounded(at::ScalarType half, const Product& product) {
  return [=](const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias) {
    return product(x, weight.to(half), bias.to(half));
  };
}

// In one double precision product.
at::Tensor exact(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias) {
  return at::linear(x.to(at::kDouble), weight.to(at::kDouble), bias.to(at::kDouble)).to(x.scalar_type());
}

double distance(const at::Tensor& a, const at::Tensor& b) {
  return (a.to(at::kDouble) - b.to(at::kDouble)).norm().item<double>() / b.to(at::kDouble).norm().item<double>();
}

class LinearThroughFp32 : public testing::TestWithParam<at::ScalarType> {};

TEST_P(LinearThroughFp32, IsTheProductOfTheRoundedOperands) {
  const Pass ours = pass_through(GetParam(), of_rounded(GetParam(), linear_through_fp32));
  const Pass expected = pass_through(GetParam(), of_rounded(GetParam(), exact));
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
  const Pass ours = pass_through(GetParam(), of_rounded(GetParam(), linear_through_fp32));
  const Pass expected = pass_through(GetParam(), of_rounded(GetParam(), at::linear));
  for (const auto& [a, b] : {std::pair(ours.out, expected.out),
                             {ours.x, expected.x},
                             {ours.weight, expected.weight},
                             {ours.bias, expected.bias}}) {
    EXPECT_LT(distance(a, b), 3e-3);
  }
}

INSTANTIATE_TEST_SUITE_P(Types, LinearThroughFp32, testing::Values(at::kBFloat16, at::kHalf));

TEST(LinearByOneDnn, IsTheProduct) {
#if defined(__x86_64__)
  if (!__builtin_cpu_supports("avx512bw") || !__builtin_cpu_supports("avx512vl") ||
      !__builtin_cpu_supports("avx512dq")) {
    GTEST_SKIP() << "oneDNN has its products for AVX-512 alone";
  }
#endif
  const Pass ours = pass_through(at::kFloat, linear_by_onednn), expected = pass_through(at::kFloat, exact);
  for (const auto& [a, b] : {std::pair(ours.out, expected.out),
                             {ours.x, expected.x},
                             {ours.weight, expected.weight},
                             {ours.bias, expected.bias}}) {
    EXPECT_EQ(a.strides(), b.strides());
    EXPECT_LT(distance(a, b), 1e-6);
  }
}

// Where a CPU has oneDNN for it, and with a gradient whose rows do not lie one behind the other.
TEST(LinearOfFloat, IsTheProductOfManyRows) {
  at::manual_seed(7);
  const at::Tensor weight = (at::randn({384, 400}) / 20).requires_grad_(true), bias = at::randn({384});
  const at::Tensor grad = at::randn({384, 128}).t();
  std::vector<at::Tensor> outs, grads;
  for (const at::ScalarType type : {at::kFloat, at::kDouble}) {
    const at::Tensor x = at::arange(128 * 400, at::kFloat).view({128, 400}).sin().requires_grad_(true);
    const at::Tensor out = type == at::kFloat ? linear(x, weight, bias, at::kFloat) : exact(x, weight, bias);
    out.backward(grad);
    outs.push_back(out.detach());
    grads.push_back(at::cat({x.grad().flatten(), weight.grad().flatten()}).clone());
    weight.mutable_grad().reset();
  }
  EXPECT_LT(distance(outs[0], outs[1]), 1e-6);
  EXPECT_LT(distance(grads[0], grads[1]), 1e-6);
}

class Linear : public testing::TestWithParam<at::ScalarType> {};

TEST_P(Linear, RoundsItsOperandsToItsType) {
  const auto ours = [&](const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias) {
    return linear(x, weight, bias, GetParam());
  };
  const Pass wide = pass_through(at::kFloat, ours), same = pass_through(GetParam(), ours);
  EXPECT_EQ(wide.out.scalar_type(), GetParam());
  EXPECT_EQ(wide.x.scalar_type(), at::kFloat);
  EXPECT_EQ(wide.weight.scalar_type(), at::kFloat);
  EXPECT_TRUE(at::equal(wide.out, same.out));
  EXPECT_TRUE(at::equal(wide.x, same.x.to(at::kFloat)));
}

INSTANTIATE_TEST_SUITE_P(Types, Linear, testing::Values(at::kFloat, at::kBFloat16, at::kHalf));

}  // namespace
}  // namespace bertft::model
