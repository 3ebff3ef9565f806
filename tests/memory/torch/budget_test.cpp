#include "bertft/memory/budget.h"

#include <gtest/gtest.h>

#include <vector>

namespace bertft::memory {
namespace {

TEST(Budget, CountsThePeakMemoryOfTheProcess) {
  const device::Device device;
  const std::uint64_t before = peak_memory_bytes(device);
  constexpr std::size_t kBytes = std::size_t{512} << 20;
  const std::vector<char> block(kBytes, 1);
  EXPECT_GE(peak_memory_bytes(device), before);
  EXPECT_GE(peak_memory_bytes(device), kBytes);
}

}  // namespace
}  // namespace bertft::memory
