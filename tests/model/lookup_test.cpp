#include "model/lookup.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

namespace bertft::model {
namespace {

constexpr std::int64_t kRows = 40, kWidth = 24, kPadding = 3;

class Lookup : public testing::Test {
 protected:
  // Of the places [first, first + count) of the batch.
  void pass(std::int64_t first, std::int64_t count) {
    lookup(table_, ids_.narrow(0, first, count), kPadding).backward(grad_.narrow(0, first, count));
  }

  const at::Tensor table_ = at::randn({kRows, kWidth}).requires_grad_(true);
  const at::Tensor ids_ = at::randint(10, {200}, at::kInt);  // each many times, and thirty rows never
  const at::Tensor grad_ = at::randn({200, kWidth});
};

TEST_F(Lookup, IsTheEmbeddingOfAten) {
  const at::Tensor same = table_.detach().clone().requires_grad_(true);
  const at::Tensor expected = at::embedding(same, ids_, kPadding);
  expected.backward(grad_);
  EXPECT_TRUE(at::equal(lookup(table_, ids_, kPadding), expected));
  pass(0, 200);
  EXPECT_TRUE(at::equal(table_.grad(), same.grad()));
}

// On a GPU the first micro-batch is summed in another order than the next.
TEST_F(Lookup, GivesTheSameBitsInOneMicroBatchAndInSeveral) {
  pass(0, 200);
  const at::Tensor whole = table_.grad().clone();
  table_.mutable_grad().reset();
  pass(0, 70);
  pass(70, 1);
  pass(71, 129);
  EXPECT_TRUE(at::equal(table_.grad(), whole));
}

TEST_F(Lookup, AddsToTheGradientThatIsThere) {
  pass(0, 100);
  const at::Tensor there = table_.grad();
  pass(100, 100);
  EXPECT_TRUE(table_.grad().is_same(there));
  EXPECT_GT(there[5].abs().sum().item<double>(), 0);
}

TEST_F(Lookup, LeavesThePaddingRowWithoutGradientHoweverOften) {
  pass(0, 100);
  pass(100, 100);
  EXPECT_GT(ids_.eq(kPadding).sum().item<std::int64_t>(), 0);
  EXPECT_EQ(table_.grad()[kPadding].abs().sum().item<double>(), 0);
}

TEST_F(Lookup, GivesEveryRowAGradientWhereNoneIsForPadding) {
  for (const std::int64_t first : {0, 100}) {
    lookup(table_, ids_.narrow(0, first, 100), -1).backward(grad_.narrow(0, first, 100));
  }
  EXPECT_GT(table_.grad()[kPadding].abs().sum().item<double>(), 0);
}

}  // namespace
}  // namespace bertft::model
