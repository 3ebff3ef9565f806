#include "model/attention.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <tuple>

#include "model/packed_batch.h"

namespace bertft::model {
namespace {

constexpr std::int64_t kHeads = 3;

// The multipliers of one head of one sequence, drawn element by element.
at::Tensor multipliers(const DropoutSite& site, const DeviceBatch& batch, std::int64_t sequence, std::int64_t head,
                       std::int64_t length) {
  at::Tensor result = at::ones({length, length}, at::kDouble);
  if (!site.active()) return result;
  const auto key = device::fold(site.key, static_cast<std::uint64_t>(batch.first_in_batch + sequence));
  auto values = result.accessor<double, 2>();
  for (std::int64_t i = 0; i < length; ++i) {
    for (std::int64_t j = 0; j < length; ++j) {
      const auto drawn =
          device::draw(key, static_cast<std::uint64_t>(head * length + i), static_cast<std::uint64_t>(j));
      values[i][j] = drawn >= site.rate.threshold ? static_cast<double>(site.rate.scale) : 0.0;
    }
  }
  return result;
}

// The definition: softmax(Q K^T / sqrt(D)) * mask V, one head of one sequence at a time, for autograd to differentiate.
at::Tensor slow_attention(const Qkv& in, const DropoutSite& site, const DeviceBatch& batch) {
  const auto& [q, k, v] = in;
  const std::int64_t size = q.size(1) / kHeads;
  std::vector<at::Tensor> rows;
  for (std::int64_t s = 0; s < batch.num_sequences(); ++s) {
    const auto [begin, length] = extent(batch, s);
    std::vector<at::Tensor> heads;
    for (std::int64_t h = 0; h < kHeads; ++h) {
      const auto of = [&, begin = begin, length = length](const at::Tensor& x) {
        return x.narrow(0, begin, length).narrow(1, h * size, size);
      };
      const at::Tensor p = at::softmax(at::mm(of(q), of(k).t()) / std::sqrt(static_cast<double>(size)), 1);
      heads.push_back(at::mm(p * multipliers(site, batch, s, h, length), of(v)));
    }
    rows.push_back(at::cat(heads, 1));
  }
  return at::cat(rows, 0);
}

struct Inputs {
  at::Tensor q, k, v, grad_out;

  Inputs(std::int64_t tokens, std::int64_t width) {
    at::manual_seed(1);
    for (at::Tensor* x : {&q, &k, &v, &grad_out}) *x = at::randn({tokens, width}, at::kDouble);
  }
  void round_to(at::ScalarType type) {
    for (at::Tensor* x : {&q, &k, &v, &grad_out}) *x = x->to(type).to(at::kDouble);
  }
};

struct Result {
  at::Tensor out;
  Qkv grads;
};

template <class Attend>
Result run(const Inputs& in, at::ScalarType type, const Attend& attend) {
  const auto leaf = [&](const at::Tensor& x) { return x.to(type, false, /*copy=*/true).requires_grad_(true); };
  const Qkv leaves{leaf(in.q), leaf(in.k), leaf(in.v)};
  const at::Tensor out = attend(leaves);
  out.backward(in.grad_out.to(type));
  return {out.detach(), {leaves.q.grad(), leaves.k.grad(), leaves.v.grad()}};
}

Result run_ours(const Inputs& in, at::ScalarType type, const DropoutSite& site, const DeviceBatch& batch) {
  return run(in, type, [&](const Qkv& leaves) { return attention(leaves, {kHeads, site, batch}); });
}

double difference(const at::Tensor& a, const at::Tensor& b) {
  return (a.to(at::kDouble) - b.to(at::kDouble)).abs().max().item<double>();
}

// The kernel computes in fp32 throughout, so that numeric differences in double cannot check
// it; autograd's derivative of the definition in double does.
class Attention : public testing::TestWithParam<std::tuple<std::int64_t, double>> {
 protected:
  void expect_equal(at::ScalarType type, double bound) const {
    const auto [size, probability] = GetParam();
    const DeviceBatch batch = batch_of({1, 5, 17, 64, 2, 33, 8}, 3);
    const DropoutSite site{device::dropout_rate(probability), 77};
    Inputs in(batch.num_tokens(), kHeads * size);
    in.round_to(type);  // what remains is the error of the computation
    const Result slow = run(in, at::kDouble, [&](const Qkv& leaves) { return slow_attention(leaves, site, batch); });
    const Result ours = run_ours(in, type, site, batch);
    EXPECT_EQ(ours.out.scalar_type(), type);
    EXPECT_EQ(ours.grads.k.scalar_type(), type);
    EXPECT_LT(difference(ours.out, slow.out), bound);
    EXPECT_LT(difference(ours.grads.q, slow.grads.q), bound);
    EXPECT_LT(difference(ours.grads.k, slow.grads.k), bound);
    EXPECT_LT(difference(ours.grads.v, slow.grads.v), bound);
  }
};

// fp32 has 24 bits, and sums have at most 64 terms of a few units each.
TEST_P(Attention, EqualsItsDefinitionWithAllGradientsInFp32) {
  expect_equal(at::kFloat, 1e-5);
}

// bf16 has 8 bits: results of up to 8 are rounded to 1/32, and the gradient of the scores
// starts from an output that was rounded so.
TEST_P(Attention, EqualsItsDefinitionWithAllGradientsInBf16) {
  expect_equal(at::kBFloat16, 0.06);
}

// fp16 has 11 bits: an eighth of the errors of bf16.
TEST_P(Attention, EqualsItsDefinitionWithAllGradientsInFp16) {
  expect_equal(at::kHalf, 0.008);
}

INSTANTIATE_TEST_SUITE_P(HeadSizeAndDropout, Attention,
                         testing::Combine(testing::Values(16, 32, 64), testing::Values(0.0, 0.1, 0.5)));

TEST(AttentionKernel, GivesASequenceTheSameBitsInAnyMicroBatch) {
  const DropoutSite site{device::dropout_rate(0.1), 77};
  const DeviceBatch whole = batch_of({9, 21, 14}), tail = batch_of({21, 14}, 1);
  const Inputs in(44, kHeads * 16);
  Inputs rest = in;
  for (at::Tensor* x : {&rest.q, &rest.k, &rest.v, &rest.grad_out}) *x = x->narrow(0, 9, 35);
  const Result all = run_ours(in, at::kFloat, site, whole), part = run_ours(rest, at::kFloat, site, tail);
  EXPECT_TRUE(at::equal(all.out.narrow(0, 9, 35), part.out));
  EXPECT_TRUE(at::equal(all.grads.q.narrow(0, 9, 35), part.grads.q));
}

TEST(AttentionKernel, TakesAGradientThatIsNotContiguous) {
  const DeviceBatch batch = batch_of({6, 3});
  const Inputs in(9, kHeads * 16);
  Inputs transposed = in;
  transposed.grad_out = in.grad_out.t().contiguous().t();
  EXPECT_TRUE(
      at::equal(run_ours(in, at::kFloat, {}, batch).grads.v, run_ours(transposed, at::kFloat, {}, batch).grads.v));
}

// The kernel's file is compiled with -ffast-math; a diverged run must show all the same.
TEST(AttentionKernel, LetsNaNThrough) {
  const DeviceBatch batch = batch_of({6, 3});
  for (const std::int64_t row : {0, 4}) {
    Inputs in(9, kHeads * 16);
    in.q[row][0] = std::numeric_limits<double>::quiet_NaN();
    const Result result = run_ours(in, at::kFloat, {}, batch);
    EXPECT_TRUE(at::isnan(result.out[row][0]).item<bool>());
    EXPECT_TRUE(at::isnan(result.grads.k[0][0]).item<bool>());
    EXPECT_FALSE(at::isnan(result.out.narrow(0, 6, 3)).any().item<bool>());
  }
}

TEST(AttentionKernel, KeepsScoresOfAnySizeFinite) {
  const DeviceBatch batch = batch_of({6, 3});
  Inputs in(9, kHeads * 16);
  in.q *= 1e4;
  const Result result = run_ours(in, at::kFloat, {}, batch);
  EXPECT_TRUE(at::isfinite(result.out).all().item<bool>());
  EXPECT_TRUE(at::isfinite(result.grads.k).all().item<bool>());
}

}  // namespace
}  // namespace bertft::model
