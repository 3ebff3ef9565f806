#include "memory/torch/cpu_allocator.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <cstdlib>
#include <fstream>
#include <thread>
#include <vector>

namespace bertft::memory {
namespace {

constexpr std::uint64_t kMib = std::uint64_t{1} << 20;

// The process's allocator, without limit and cache before and after each test.
class CpuAllocatorTest : public testing::Test {
 protected:
  CpuAllocatorTest() { reset(); }
  ~CpuAllocatorTest() override { reset(); }

  void reset() {
    allocator_.set_fault({});
    allocator_.set_limit(CpuAllocator::kNoLimit);
    allocator_.release_cached();
    allocator_.reset_peak();
  }

  static at::Tensor megabytes(std::int64_t n) { return at::empty({n << 20}, at::TensorOptions().dtype(at::kByte)); }

  CpuAllocator& allocator_ = CpuAllocator::instance();
  std::uint64_t before_ = allocator_.in_use();
};

TEST_F(CpuAllocatorTest, CountsWhatTensorsUse) {
  {
    const at::Tensor large = megabytes(8);
    const at::Tensor small = at::empty({10}, at::kFloat);
    EXPECT_GE(allocator_.in_use() - before_, 8 * kMib + 40);
    EXPECT_LE(allocator_.in_use() - before_, 8 * kMib + 8192);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(large.data_ptr()) % 64, 0U);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(small.data_ptr()) % 64, 0U);
  }
  EXPECT_EQ(allocator_.in_use(), before_);
  EXPECT_GE(allocator_.peak() - before_, 8 * kMib);
  allocator_.reset_peak();
  EXPECT_EQ(allocator_.peak(), before_);
}

TEST_F(CpuAllocatorTest, RefusesMoreThanItsLimitAndGoesOn) {
  allocator_.set_limit(before_ + 10 * kMib);
  const at::Tensor held = megabytes(6);
  EXPECT_THROW(megabytes(6), c10::OutOfMemoryError);
  EXPECT_THROW(
      {
        std::vector<at::Tensor> many;
        while (true) many.push_back(at::empty({1000}, at::kFloat));
      },
      c10::OutOfMemoryError);
  EXPECT_NO_THROW(megabytes(3));
}

TEST_F(CpuAllocatorTest, CutsWhatIsAskedForOutOfWhatWasFreed) {
  const auto* const first = megabytes(8).const_data_ptr<std::uint8_t>();
  for (const std::int64_t n : {5, 2, 8}) {  // no two of them beside one another
    EXPECT_EQ(megabytes(n).const_data_ptr(), first) << n;
  }
  const at::Tensor two = megabytes(2), three = megabytes(3);
  EXPECT_EQ(two.const_data_ptr(), first);
  EXPECT_GT(three.const_data_ptr<std::uint8_t>(), first);
  EXPECT_LT(three.const_data_ptr<std::uint8_t>(), first + 8 * kMib);
}

TEST_F(CpuAllocatorTest, AsksTheSystemForNothingInAStepOfOtherSizes) {
  const auto step = [](const std::vector<std::int64_t>& sizes) {
    std::vector<at::Tensor> activations;
    for (const std::int64_t n : sizes) activations.push_back(megabytes(n).fill_(1));
    while (!activations.empty()) activations.pop_back();
  };
  step({48});
  rusage before{}, after{};
  getrusage(RUSAGE_SELF, &before);
  step({7, 9, 3, 12, 2, 10});
  getrusage(RUSAGE_SELF, &after);
  EXPECT_LT(after.ru_minflt - before.ru_minflt, 100);  // of some 11,000 pages
}

TEST_F(CpuAllocatorTest, LetsGoOfFreedBlocksBeforeItRefuses) {
  allocator_.set_limit(before_ + 10 * kMib);
  megabytes(4);
  megabytes(4);  // the same block
  EXPECT_NO_THROW(megabytes(9));
}

TEST_F(CpuAllocatorTest, TakesALimitBelowWhatIsInUse) {
  const at::Tensor held = megabytes(4);
  allocator_.set_limit(kMib);
  EXPECT_THROW(at::empty({1}), c10::OutOfMemoryError);
  EXPECT_EQ(held.numel(), 4 << 20);
}

TEST_F(CpuAllocatorTest, HandsOutNothingThatWasGivenBackAboveALimitTakenSince) {
  const at::Tensor held = megabytes(4);
  at::Tensor given_back = megabytes(2);
  allocator_.set_limit(kMib);
  given_back.reset();  // kept for the next that asks
  EXPECT_THROW(megabytes(2), c10::OutOfMemoryError);
}

TEST_F(CpuAllocatorTest, FailsWhereATestSaysSo) {
  int asked = 0;
  allocator_.set_fault([&] { return ++asked == 2; });
  EXPECT_NO_THROW(megabytes(1));
  EXPECT_THROW(megabytes(1), c10::OutOfMemoryError);
  EXPECT_NO_THROW(megabytes(1));
}

// Of a process of its own, whose address space is limited to what it has and a little more.
TEST_F(CpuAllocatorTest, LetsGoOfFreedBlocksWhereTheSystemRefusesASmallOne) {
  const auto fill_small_blocks = [] {
    at::empty({64 * kMib}, at::kByte);  // kept when it is freed
    std::uint64_t pages = 0;
    std::ifstream("/proc/self/statm") >> pages;
    const rlimit limit{pages * 4096 + 2 * kMib, RLIM_INFINITY};
    if (setrlimit(RLIMIT_AS, &limit) != 0) std::_Exit(1);
    std::vector<at::Tensor> blocks;
    while (blocks.size() < 64) blocks.push_back(at::empty({kMib / 2}, at::kByte));
    std::_Exit(0);
  };
  EXPECT_EXIT(fill_small_blocks(), testing::ExitedWithCode(0), "");
}

TEST_F(CpuAllocatorTest, HandsOutNothingForNoBytes) {
  const at::Tensor empty = at::empty({0}, at::kFloat);
  EXPECT_EQ(empty.numel(), 0);
  allocator_.raw_deallocate(nullptr);  // oneDNN does that
  EXPECT_EQ(allocator_.in_use(), before_);
}

TEST_F(CpuAllocatorTest, ServesSeveralThreads) {
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([t] {
      for (int i = 0; i < 200; ++i) megabytes(1 + (i + t) % 3).fill_(t);
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(allocator_.in_use(), before_);
}

}  // namespace
}  // namespace bertft::memory
