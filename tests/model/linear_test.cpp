#include "model/linear.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <functional>

namespace bertft::model {
namespace {

using Product = std::function<at::Tensor(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias)>;

struct Pass {
  at::Tensor out, x, weight, bias;  // the last three: gradients
};

struct Sizes {
  std::int64_t rows = 1100, in = 48, out = 24;  // three blocks of rows, the last one short
};

// The parameters are fp32; the rows of the gradient do not lie one behind the other.
Pass pass_through(at::ScalarType x_type, const Product& product, const Sizes& sizes = {}) {
  at::manual_seed(7);
  const auto leaf = [](const at::Tensor& values) { return values.detach().requires_grad_(true); };
  const at::Tensor x = leaf(at::randn({sizes.rows, sizes.in}).to(x_type));
  const at::Tensor weight = leaf(at::randn({sizes.out, sizes.in}) / 7), bias = leaf(at::randn({sizes.out}));
  const at::Tensor out = product(x, weight, bias);
  out.backward(at::randn({sizes.out, sizes.rows}).t().to(out.scalar_type()));
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

void expect_near(const Pass& ours, const Pass& expected, double bound) {
  for (const auto& [a, b] : {std::pair(ours.out, expected.out),
                             {ours.x, expected.x},
                             {ours.weight, expected.weight},
                             {ours.bias, expected.bias}}) {
    EXPECT_LT(distance(a, b), bound);
  }
}

class LinearThroughFp32 : public testing::TestWithParam<at::ScalarType> {};

TEST_P(LinearThroughFp32, IsTheProductOfTheRoundedOperands) {
  const Pass ours = pass_through(GetParam(), of_rounded(GetParam(), linear_through_fp32));
  const Pass expected = pass_through(GetParam(), of_rounded(GetParam(), exact));
  EXPECT_EQ(ours.out.scalar_type(), GetParam());
  EXPECT_EQ(ours.weight.scalar_type(), at::kFloat);
  expect_near(ours, expected, 1e-4);  // but for ties that fp32 rounds otherwise
}

TEST_P(LinearThroughFp32, IsWhatAtenGivesButForRounding) {
  const Pass ours = pass_through(GetParam(), of_rounded(GetParam(), linear_through_fp32));
  const Pass expected = pass_through(GetParam(), of_rounded(GetParam(), at::linear));
  expect_near(ours, expected, 3e-3);
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
  EXPECT_EQ(ours.out.strides(), expected.out.strides());
  EXPECT_EQ(ours.x.strides(), expected.x.strides());
  EXPECT_EQ(ours.weight.strides(), expected.weight.strides());
  expect_near(ours, expected, 1e-6);
}

// By oneDNN where that is faster.
TEST(LinearOfFloat, IsTheProductOfManyRows) {
  const auto ours = [](const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias) {
    return linear(x, weight, bias, at::kFloat);
  };
  const Sizes sizes{.rows = 128, .in = 400, .out = 384};
  expect_near(pass_through(at::kFloat, ours, sizes), pass_through(at::kFloat, exact, sizes), 1e-6);
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
