#include "memory/free_ranges.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <utility>
#include <vector>

namespace bertft::memory {
namespace {

// Of one byte each place, which nobody reads.
class FreeRangesTest : public testing::Test {
 protected:
  std::byte* at(std::uint64_t place) { return memory_.data() + place; }
  Range range(std::uint64_t place, std::uint64_t bytes) { return {at(place), bytes}; }
  // The place of what take() gives; -1: nothing.
  std::ptrdiff_t taken(std::uint64_t bytes) {
    const auto range = free_.take(bytes);
    return range ? range->begin - memory_.data() : -1;
  }

  std::vector<std::byte> memory_{1000};
  FreeRanges free_;
};

TEST_F(FreeRangesTest, TakesFromTheSmallestThatIsLargeEnough) {
  for (const auto& [place, bytes] : {std::pair(0, 50), {100, 20}, {200, 30}}) free_.add(range(place, bytes));
  EXPECT_EQ(taken(25), 200);
  EXPECT_EQ(taken(25), 0);
  EXPECT_EQ(taken(25), 25);
  EXPECT_EQ(taken(25), -1);
  EXPECT_EQ(free_.total_bytes(), 25);
}

TEST_F(FreeRangesTest, JoinsNeighboursInWhateverOrderTheyCome) {
  std::vector<int> places = {0, 10, 20};
  do {
    for (const int place : places) free_.add(range(static_cast<std::uint64_t>(place), 10));
    EXPECT_EQ(taken(30), 0);
    EXPECT_EQ(free_.total_bytes(), 0);
  } while (std::ranges::next_permutation(places).found);
}

TEST_F(FreeRangesTest, GivesUpTheSmallestFirstAndNoMoreThanItMust) {
  free_.add(range(0, 50));
  free_.add(range(100, 20));
  EXPECT_EQ(free_.take_of_smallest(60).bytes, 20);
  EXPECT_EQ(free_.take_of_smallest(15).bytes, 15);
  EXPECT_EQ(taken(35), 15);
}

// Against a map of every byte.
TEST_F(FreeRangesTest, NeverGivesAByteTwiceAndFindsWhatThereIs) {
  std::vector<bool> is_free(memory_.size(), true);
  const auto longest_free = [&] {
    std::uint64_t longest = 0, run = 0;
    for (const bool free : is_free) longest = std::max(longest, run = free ? run + 1 : 0);
    return longest;
  };
  free_.add(range(0, memory_.size()));
  std::mt19937 random(42);
  std::vector<Range> used;
  for (int i = 0; i < 20000; ++i) {
    if (random() % 2 == 0 && !used.empty()) {
      std::swap(used[random() % used.size()], used.back());
      free_.add(used.back());
      std::fill_n(is_free.begin() + (used.back().begin - at(0)), used.back().bytes, true);
      used.pop_back();
    } else {
      const std::uint64_t bytes = 1 + random() % 80;
      const auto got = free_.take(bytes);
      ASSERT_EQ(got.has_value(), bytes <= longest_free());
      if (!got) continue;
      ASSERT_EQ(got->bytes, bytes);
      const auto first = is_free.begin() + (got->begin - at(0));
      ASSERT_EQ(std::count(first, first + static_cast<std::ptrdiff_t>(bytes), true),
                static_cast<std::ptrdiff_t>(bytes));
      std::fill_n(first, bytes, false);
      used.push_back(*got);
    }
    ASSERT_EQ(free_.total_bytes(), static_cast<std::uint64_t>(std::ranges::count(is_free, true)));
  }
}

}  // namespace
}  // namespace bertft::memory
