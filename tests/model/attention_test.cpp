#include "model/attention.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "bertft/model/qa_model.h"
#include "model/dropout.h"

namespace bertft::model {
namespace {

constexpr std::int64_t kHeads = 3, kHeadSize = 16;
const AttentionShape kShape{kHeads, 512};

DeviceBatch batch_of(const std::vector<std::int32_t>& lengths, std::int64_t first_in_batch = 0) {
  data::PackedBatch packed;
  packed.cu_seqlens = {0};
  packed.first_in_batch = static_cast<std::uint32_t>(first_in_batch);
  for (const std::int32_t length : lengths) {
    packed.windows.push_back(0);
    packed.start_rows.push_back(packed.cu_seqlens.back());
    packed.end_rows.push_back(packed.cu_seqlens.back());
    for (std::int32_t i = 0; i < length; ++i) {
      packed.ids.push_back(1);
      packed.type_ids.push_back(0);
      packed.positions.push_back(i);
    }
    packed.cu_seqlens.push_back(packed.cu_seqlens.back() + length);
  }
  return to_device(packed, c10::kCPU);
}

// The multipliers of one head of one sequence, drawn element by element.
at::Tensor multipliers(const DropoutSite& site, const DeviceBatch& batch, std::int64_t sequence, std::int64_t head,
                       std::int64_t length) {
  at::Tensor result = at::ones({length, length}, at::kDouble);
  if (!site.active()) return result;
  const auto key = device::fold(site.key, static_cast<std::uint64_t>(batch.first_in_batch + sequence));
  for (std::int64_t i = 0; i < length; ++i) {
    for (std::int64_t j = 0; j < length; ++j) {
      const auto drawn = device::draw(key, static_cast<std::uint64_t>(head * length + i), static_cast<std::uint64_t>(j));
      result[i][j] = drawn >= site.rate.threshold ? static_cast<double>(site.rate.scale) : 0.0;
    }
  }
  return result;
}

// The definition, in double: softmax(Q K^T / sqrt(D)) * mask V, one head of one sequence at a time.
at::Tensor slow_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const DropoutSite& site,
                          const DeviceBatch& batch) {
  std::vector<at::Tensor> rows;
  for (std::int64_t s = 0; s < batch.num_sequences(); ++s) {
    const std::int64_t begin = batch.cu_seqlens_host[static_cast<std::size_t>(s)];
    const std::int64_t length = batch.cu_seqlens_host[static_cast<std::size_t>(s) + 1] - begin;
    std::vector<at::Tensor> heads;
    for (std::int64_t h = 0; h < kHeads; ++h) {
      const auto of = [&](const at::Tensor& x) { return x.narrow(0, begin, length).narrow(1, h * kHeadSize, kHeadSize); };
      const at::Tensor p = at::softmax(at::mm(of(q), of(k).t()) / std::sqrt(static_cast<double>(kHeadSize)), 1);
      heads.push_back(at::mm(p * multipliers(site, batch, s, h, length), of(v)));
    }
    rows.push_back(at::cat(heads, 1));
  }
  return at::cat(rows, 0);
}

struct Result {
  at::Tensor out, grad_q, grad_k, grad_v;
};

template <class Attend>
Result run(const std::vector<at::Tensor>& inputs, const at::Tensor& grad_out, at::ScalarType type, const Attend& attend) {
  std::vector<at::Tensor> x;
  for (const at::Tensor& input : inputs) x.push_back(input.to(type).detach().requires_grad_(true));
  const at::Tensor out = attend(x[0], x[1], x[2]);
  out.backward(grad_out.to(type));
  return {out.detach(), x[0].grad(), x[1].grad(), x[2].grad()};
}

double difference(const at::Tensor& a, const at::Tensor& b) {
  return (a.to(at::kDouble) - b.to(at::kDouble)).abs().max().item<double>();
}

class Attention : public testing::TestWithParam<double> {};

TEST_P(Attention, EqualsItsDefinitionWithAllGradients) {
  const DeviceBatch batch = batch_of({1, 5, 17, 64, 2, 33, 8}, 3);
  const DropoutSite site{device::dropout_rate(GetParam()), 77};
  at::manual_seed(1);
  std::vector<at::Tensor> inputs;
  for (int i = 0; i < 3; ++i) inputs.push_back(at::randn({batch.num_tokens(), kHeads * kHeadSize}, at::kDouble));
  const at::Tensor grad_out = at::randn_like(inputs[0]);
  const Result slow = run(inputs, grad_out, at::kDouble, [&](const auto& q, const auto& k, const auto& v) {
    return slow_attention(q, k, v, site, batch);
  });
  // fp32 rounding over rows of up to 64 terms; bf16 keeps 8 bits of each input and output.
  for (const auto& [type, bound] : {std::pair(at::kFloat, 2e-5), std::pair(at::kBFloat16, 0.15)}) {
    const Result ours = run(inputs, grad_out, type, [&](const auto& q, const auto& k, const auto& v) {
      return attention(q, k, v, kShape, site, batch, device::Device());
    });
    EXPECT_EQ(ours.out.scalar_type(), type);
    EXPECT_LT(difference(ours.out, slow.out), bound);
    EXPECT_LT(difference(ours.grad_q, slow.grad_q), bound);
    EXPECT_LT(difference(ours.grad_k, slow.grad_k), bound);
    EXPECT_LT(difference(ours.grad_v, slow.grad_v), bound);
  }
}

INSTANTIATE_TEST_SUITE_P(Dropout, Attention, testing::Values(0.0, 0.1, 0.5));

TEST(Dropout, MultipliersEqualSingleDrawsAtAnyLength) {
  const auto rate = device::dropout_rate(0.3);
  for (const std::int64_t n : {1, 3, 4, 7, 511, 513, 1030}) {
    std::vector<float> row(static_cast<std::size_t>(n));
    dropout_multipliers(9, 4, n, rate, row.data());
    for (std::int64_t i = 0; i < n; ++i) {
      const bool kept = device::draw(9, 4, static_cast<std::uint64_t>(i)) >= rate.threshold;
      EXPECT_EQ(row[static_cast<std::size_t>(i)], kept ? rate.scale : 0.0F) << i << " of " << n;
    }
  }
}

TEST(Dropout, DropsTheAskedShare) {
  std::vector<float> row(200'000);
  const auto rate = device::dropout_rate(0.1);
  dropout_multipliers(123, 0, static_cast<std::int64_t>(row.size()), rate, row.data());
  const auto dropped = static_cast<double>(std::count(row.begin(), row.end(), 0.0F));
  EXPECT_NEAR(dropped / static_cast<double>(row.size()), 0.1, 0.003);  // 4.5 standard deviations
}

TEST(Dropout, MasksOfASequenceDoNotDependOnItsMicroBatch) {
  const DropoutSite site{device::dropout_rate(0.5), 5};
  const DeviceBatch whole = batch_of({4, 6, 3}), tail = batch_of({6, 3}, 1);
  const at::Tensor x = at::ones({13, 8});
  const at::Tensor all = dropout_add(x, {}, site, whole);
  const at::Tensor part = dropout_add(x.narrow(0, 4, 9), {}, site, tail);
  EXPECT_TRUE(at::equal(all.narrow(0, 4, 9), part));
}

TEST(Dropout, GradientIsTheSameMaskAndTheResidualPassesThrough) {
  const DropoutSite site{device::dropout_rate(0.5), 5};
  const DeviceBatch batch = batch_of({4, 6});
  const at::Tensor x = at::randn({10, 8}).requires_grad_(true), residual = at::randn({10, 8}).requires_grad_(true);
  const at::Tensor mask = dropout_add(at::ones({10, 8}), {}, site, batch);
  const at::Tensor out = dropout_add(x, residual, site, batch);
  EXPECT_TRUE(at::allclose(out, residual + x * mask));
  out.backward(at::ones_like(out));
  EXPECT_TRUE(at::equal(x.grad(), mask));
  EXPECT_TRUE(at::equal(residual.grad(), at::ones_like(mask)));
}

TEST(SpanLoss, IsTheSumOfEachFeaturesOwnCrossEntropies) {
  DeviceBatch batch = batch_of({3, 7, 5});
  batch.start_rows = at::tensor({1, 3, 12}, at::kLong);
  batch.end_rows = at::tensor({2, 9, 14}, at::kLong);
  const at::Tensor start = at::randn({15}).requires_grad_(true), end = at::randn({15}).requires_grad_(true);
  at::Tensor slow = at::zeros({});
  for (std::int64_t i = 0; i < 3; ++i) {
    const std::int64_t begin = batch.cu_seqlens_host[static_cast<std::size_t>(i)];
    const std::int64_t length = batch.cu_seqlens_host[static_cast<std::size_t>(i) + 1] - begin;
    for (const auto& [logits, rows] : {std::pair(start, batch.start_rows), std::pair(end, batch.end_rows)}) {
      slow = slow - at::log_softmax(logits.narrow(0, begin, length), 0)[rows[i].item<std::int64_t>() - begin] / 2;
    }
  }
  const at::Tensor loss = span_loss_sum({start, end}, batch);
  EXPECT_NEAR(loss.item<double>(), slow.item<double>(), 1e-5);
  loss.backward();
  const at::Tensor ours = start.grad().clone();
  start.mutable_grad().reset();
  slow.backward();
  EXPECT_LT(difference(ours, start.grad()), 1e-6);
}

}  // namespace
}  // namespace bertft::model
