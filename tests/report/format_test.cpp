#include "report/format.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace bertft::report {
namespace {

TEST(Format, RunningClockGrowsHoursWhenNeeded) {
  EXPECT_EQ(clock_text(0), "0:00");
  EXPECT_EQ(clock_text(131.4), "2:11");
  EXPECT_EQ(clock_text(3599.6), "1:00:00");
  EXPECT_EQ(clock_text(100 * 3600 + 61), "100:01:01");
  EXPECT_EQ(clock_text(-5), "0:00");
}

TEST(Format, DurationsAreAsPreciseAsTheyAreShort) {
  EXPECT_EQ(duration_text(0.04), "0.0 s");
  EXPECT_EQ(duration_text(1.34), "1.3 s");
  EXPECT_EQ(duration_text(59.96), "1 min 0 s");
  EXPECT_EQ(duration_text(652), "10 min 52 s");
  EXPECT_EQ(duration_text(7800), "2 h 10 min");
}

TEST(Format, BarGrowsByEighthsOfACell) {
  EXPECT_EQ(block_bar(0, 4), "");
  EXPECT_EQ(block_bar(1.0 / 32, 4), "▏");
  EXPECT_EQ(block_bar(4.0 / 32, 4), "▌");
  EXPECT_EQ(block_bar(15.0 / 32, 4), "█▉");
  EXPECT_EQ(block_bar(1, 4), "████");
  EXPECT_EQ(block_bar(2, 4), "████");
}

TEST(Format, FieldsThatDoNotFitAreDroppedFromTheRight) {
  EXPECT_EQ(fit_fields({{0, "ab"}, {1, "cd"}, {2, "e"}}, 9), "ab  cd  e");
  EXPECT_EQ(fit_fields({{0, "ab"}, {1, "cd"}, {2, "e"}}, 8), "ab  cd");
  EXPECT_EQ(fit_fields({{0, "ab"}, {2, "a long one"}, {1, "e"}}, 8), "ab  e");
  EXPECT_EQ(fit_fields({{0, "ab"}, {1, "cd"}, {1, "e"}}, 7), "ab  cd");
  EXPECT_EQ(fit_fields({{0, "ab"}}, 1), "");
  EXPECT_EQ(fit_fields({{0, "äö"}}, 2), "äö");
}

}  // namespace
}  // namespace bertft::report
