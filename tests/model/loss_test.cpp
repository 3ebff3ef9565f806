#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "bertft/model/qa_model.h"
#include "model/packed_batch.h"

namespace bertft::model {
namespace {

class SpanLoss : public testing::Test {
 protected:
  SpanLoss() {
    at::manual_seed(1);
    batch.start_rows = at::tensor({1, 3, 12}, at::kLong);
    batch.end_rows = at::tensor({2, 9, 14}, at::kLong);
    start = at::randn({15}).requires_grad_(true);
    end = at::randn({15}).requires_grad_(true);
  }

  // Cross entropy of one feature and one side at a time, in double.
  at::Tensor slow() const {
    at::Tensor sum = at::zeros({}, at::kDouble);
    for (std::int64_t s = 0; s < batch.num_sequences(); ++s) {
      const auto [begin, length] = extent(batch, s);
      for (const auto& [logits, rows] : {std::pair(start, batch.start_rows), std::pair(end, batch.end_rows)}) {
        const at::Tensor own = logits.narrow(0, begin, length).to(at::kDouble).unsqueeze(0);
        sum = sum + at::cross_entropy_loss(own, rows.narrow(0, s, 1) - begin) / 2;
      }
    }
    return sum;
  }

  std::vector<at::Tensor> gradients(const at::Tensor& loss) {
    start.mutable_grad().reset();
    end.mutable_grad().reset();
    loss.backward();
    return {start.grad().clone(), end.grad().clone()};
  }

  DeviceBatch batch = batch_of({3, 7, 5});
  at::Tensor start, end;
};

TEST_F(SpanLoss, IsTheSumOfEachFeaturesOwnCrossEntropies) {
  EXPECT_NEAR(span_loss_sum({start, end}, batch).item<double>(), slow().item<double>(), 1e-5);
}

TEST_F(SpanLoss, HasTheirGradient) {
  const auto ours = gradients(span_loss_sum({start, end}, batch)), theirs = gradients(slow());
  EXPECT_TRUE(at::allclose(ours[0], theirs[0], 1e-5, 1e-6));
  EXPECT_TRUE(at::allclose(ours[1], theirs[1], 1e-5, 1e-6));
}

TEST_F(SpanLoss, StaysFiniteForLargeLogits) {
  start = (start.detach() * 1e4).requires_grad_(true);
  const at::Tensor loss = span_loss_sum({start, end}, batch);
  EXPECT_NEAR(loss.item<double>() / slow().item<double>(), 1, 1e-6);
  EXPECT_TRUE(at::isfinite(gradients(loss)[0]).all().item<bool>());
}

}  // namespace
}  // namespace bertft::model
