#include "bertft/memory/budget.h"

#include <gtest/gtest.h>

#include <vector>

namespace bertft::memory {
namespace {

TEST(Budget, CountsThePeakMemoryOfTheProcess) {
  const device::Device device;
  const std::uint64_t before = peak_memory_bytes(device);
  const std::vector<char> block(before, 1);  // more than there has been beside what there is
  EXPECT_GE(peak_memory_bytes(device), before + before / 4);
}

}  // namespace
}  // namespace bertft::memory
