#include "bertft/train/loss_scale.h"

#include <gtest/gtest.h>

namespace bertft::train {
namespace {

// torch.amp.GradScaler's numbers.
TEST(LossScale, DoublesAfterTwoThousandStepsInARow) {
  LossScale scale;
  EXPECT_EQ(scale.value(), 65536);
  for (int i = 0; i < 1999; ++i) scale.note_applied();
  EXPECT_EQ(scale, LossScale(65536, 1999));
  scale.note_applied();
  EXPECT_EQ(scale, LossScale(131072, 0));
}

TEST(LossScale, IsHalvedByAnOverflowAndCountsAnew) {
  LossScale scale(65536, 1999);
  EXPECT_TRUE(scale.lower());
  EXPECT_EQ(scale, LossScale(32768, 0));
}

TEST(LossScale, IsNotLoweredBelowOne) {
  LossScale scale(2, 5);
  EXPECT_TRUE(scale.lower());
  EXPECT_FALSE(scale.lower());
  EXPECT_EQ(scale.value(), 1);
}

}  // namespace
}  // namespace bertft::train
