#include "model/dropout.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "model/dropout_cuda.h"
#include "model/packed_batch.h"

namespace bertft::model {
namespace {

constexpr std::int64_t kWidth = 12;
const std::vector<std::int32_t> kLengths = {4, 6, 3};

// Drawn element by element, as the contract of DropoutSite says.
at::Tensor mask_of(const DropoutSite& site, const DeviceBatch& batch) {
  at::Tensor mask = at::empty({batch.num_tokens(), kWidth}, at::kFloat);
  for (std::int64_t s = 0; s < batch.num_sequences(); ++s) {
    const auto [begin, length] = extent(batch, s);
    const auto key = device::fold(site.key, static_cast<std::uint64_t>(batch.first_in_batch + s));
    for (std::int64_t i = 0; i < length; ++i) {
      for (std::int64_t j = 0; j < kWidth; ++j) {
        const auto drawn = device::draw(key, static_cast<std::uint64_t>(i), static_cast<std::uint64_t>(j));
        mask[begin + i][j] = drawn >= site.rate.threshold ? site.rate.scale : 0.0F;
      }
    }
  }
  return mask;
}

// What the CUDA kernel's threads compute, one after the other.
template <class X, class Out>
at::Tensor by_quads(const at::Tensor& x, const at::Tensor& residual, const DropoutSite& site,
                    const DeviceBatch& batch) {
  at::Tensor out = at::empty(x.sizes(), c10::CppTypeToScalarType<Out>::value);
  const auto arguments = dropout_add_arguments<X, Out>(x, residual, site, batch, out);
  for (std::int64_t row = 0; row < arguments.num_rows; ++row) {
    for (std::int64_t quad = 0; quad < arguments.quads_per_row; ++quad) dropout_add_quad(arguments, row, quad);
  }
  return out;
}

class DropoutAdd : public testing::Test {
 protected:
  DropoutAdd() { at::manual_seed(1); }

  const DropoutSite site{device::dropout_rate(0.3), 5};
  const DeviceBatch batch = batch_of(kLengths, 2);
  const at::Tensor mask = mask_of(site, batch);
};

TEST_F(DropoutAdd, IsTheSameInTheThreadsOfTheCudaKernel) {
  const at::Tensor x = at::randn({batch.num_tokens(), kWidth}), residual = at::randn_like(x);
  const auto expect_equal = [&]<class X, class Out>(const at::Tensor& added) {
    const at::Tensor rounded = x.to(c10::CppTypeToScalarType<X>::value);
    EXPECT_TRUE(at::allclose(by_quads<X, Out>(rounded, added, site, batch),
                             dropout_add_cpu(rounded, added, c10::CppTypeToScalarType<Out>::value, site, batch)));
  };
  for (const at::Tensor& added : {at::Tensor(), residual}) {
    expect_equal.operator()<float, float>(added);
    expect_equal.operator()<c10::BFloat16, float>(added);
    expect_equal.operator()<c10::Half, float>(added);
  }
  expect_equal.operator()<float, c10::BFloat16>({});
  expect_equal.operator()<float, c10::Half>({});
}

TEST(DropoutMultipliers, EqualSingleDrawsAtAnyLength) {
  const auto rate = device::dropout_rate(0.3);
  for (const std::int64_t n : {1, 3, 4, 7, 511, 512, 513, 1030}) {
    std::vector<float> row(static_cast<std::size_t>(n) + 1, -1.0F);
    dropout_multipliers(9, 4, n, rate, row.data());
    for (std::int64_t i = 0; i < n; ++i) {
      const bool kept = device::draw(9, 4, static_cast<std::uint64_t>(i)) >= rate.threshold;
      EXPECT_EQ(row[static_cast<std::size_t>(i)], kept ? rate.scale : 0.0F) << i << " of " << n;
    }
    EXPECT_EQ(row.back(), -1.0F) << "wrote behind " << n;
  }
}

TEST(DropoutMultipliers, DropTheAskedShare) {
  std::vector<float> row(200'000);
  const auto rate = device::dropout_rate(0.1);
  dropout_multipliers(123, 0, static_cast<std::int64_t>(row.size()), rate, row.data());
  const auto dropped = static_cast<double>(std::count(row.begin(), row.end(), 0.0F));
  EXPECT_NEAR(dropped / static_cast<double>(row.size()), 0.1, 0.003);  // 4.5 standard deviations
}

TEST_F(DropoutAdd, IsTheMaskedInputPlusTheResidual) {
  const at::Tensor x = at::randn(mask.sizes()), residual = at::randn(mask.sizes());
  EXPECT_TRUE(at::equal(dropout_add(x, {}, site, batch), x * mask));
  // Not bit for bit: the kernel's multiply-add rounds once.
  EXPECT_TRUE(at::allclose(dropout_add(x, residual, site, batch), residual + x * mask, 1e-6, 1e-6));
}

TEST_F(DropoutAdd, SendsTheGradientThroughTheSameMaskAndPastItToTheResidual) {
  const at::Tensor x = at::randn(mask.sizes()).requires_grad_(true);
  const at::Tensor residual = at::randn(mask.sizes()).requires_grad_(true);
  const at::Tensor grad = at::randn(mask.sizes());
  dropout_add(x, residual, site, batch).backward(grad);
  EXPECT_TRUE(at::equal(x.grad(), grad * mask));
  EXPECT_TRUE(at::equal(residual.grad(), grad));
}

TEST_F(DropoutAdd, OfAHalfTypePlusAnFp32ResidualIsFp32AndItsGradientHalf) {
  for (const at::ScalarType half : {at::kBFloat16, at::kHalf}) {
    const at::Tensor x = at::randn(mask.sizes()).to(half).requires_grad_(true);
    const at::Tensor residual = at::randn(mask.sizes()).requires_grad_(true);
    const at::Tensor out = dropout_add(x, residual, site, batch);
    EXPECT_EQ(out.scalar_type(), at::kFloat);
    EXPECT_TRUE(at::allclose(out, residual + x.to(at::kFloat) * mask, 1e-6, 1e-6));
    const at::Tensor grad = at::randn(mask.sizes());
    out.backward(grad);
    EXPECT_EQ(residual.grad().scalar_type(), at::kFloat);
    EXPECT_TRUE(at::equal(x.grad(), (grad * mask).to(half)));
  }
}

TEST_F(DropoutAdd, OfAHalfTypeAloneStaysSo) {
  for (const at::ScalarType half : {at::kBFloat16, at::kHalf}) {
    const at::Tensor x = at::randn(mask.sizes()).to(half);
    EXPECT_TRUE(at::equal(dropout_add(x, {}, site, batch), (x.to(at::kFloat) * mask).to(half)));
  }
}

TEST_F(DropoutAdd, WithoutARateAddsAlone) {
  const at::Tensor x = at::randn(mask.sizes()), residual = at::randn(mask.sizes());
  EXPECT_TRUE(at::equal(dropout_add(x, residual, {}, batch), x + residual));
  EXPECT_TRUE(at::equal(dropout_add(x, {}, {}, batch), x));
}

TEST_F(DropoutAdd, MasksASequenceTheSameInAnyMicroBatch) {
  const at::Tensor x = at::ones(mask.sizes());
  const DeviceBatch tail = batch_of({6, 3}, 3);
  EXPECT_TRUE(
      at::equal(dropout_add(x, {}, site, batch).narrow(0, 4, 9), dropout_add(x.narrow(0, 4, 9), {}, site, tail)));
}

TEST_F(DropoutAdd, MasksNeighbouringSequencesDifferently) {
  const DeviceBatch twins = batch_of({6, 6});
  const at::Tensor out = dropout_add(at::ones({12, kWidth}), {}, site, twins);
  EXPECT_FALSE(at::equal(out.narrow(0, 0, 6), out.narrow(0, 6, 6)));
}

}  // namespace
}  // namespace bertft::model
