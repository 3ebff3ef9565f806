#include "bertft/memory/limits.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <optional>
#include <string>

#include "bertft/memory/machine.h"
#include "bertft/util/error.h"
#include "temporary_directory.h"

namespace bertft::memory {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::ThrowsMessage;

constexpr std::uint64_t kMib = std::uint64_t{1} << 20, kGib = std::uint64_t{1} << 30;

TEST(Amount, IsInBytesUpToTheWhole) {
  EXPECT_EQ(parse_amount("memory_limit", "1.5 gib", 16 * kGib), 3 * kGib / 2);
  EXPECT_EQ(parse_amount("memory_limit", "16GiB", 16 * kGib), 16 * kGib);
  EXPECT_EQ(parse_amount("memory_limit", "100%", 16 * kGib), 16 * kGib);
}

class BadAmount : public testing::TestWithParam<std::pair<const char*, const char*>> {};

TEST_P(BadAmount, IsRefusedWithItsReason) {
  EXPECT_THAT([] { parse_amount("memory_limit", GetParam().first, 16 * kGib); },
              ThrowsMessage<ConfigError>(testing::AllOf(HasSubstr("memory_limit is '"), HasSubstr(GetParam().second),
                                                        HasSubstr("such as 12GiB"))));
}

INSTANTIATE_TEST_SUITE_P(OfEachKind, BadAmount,
                         testing::Values(std::pair{"12", "it has no unit"}, std::pair{"0GiB", "leaves no memory"},
                                         std::pair{"0%", "leaves no memory"}, std::pair{"0.5B", "leaves no memory"},
                                         std::pair{"17GiB", "more than the 16.0 GiB there are"},
                                         std::pair{"101%", "more than the 16.0 GiB there are"},
                                         std::pair{"1e300TiB", "that is more than the"}));

TEST(Budget, IsWhatIsFreeLessTheReserveWithoutALimit) {
  const Budget small = make_budget({}, {.total = 4 * kGib, .free = 2 * kGib});
  EXPECT_EQ(small.limit, 2 * kGib - 256 * kMib);
  EXPECT_EQ(small.usable, small.limit);
  EXPECT_EQ(small.source, "free memory");
  const Budget large = make_budget({}, {.total = 100 * kGib, .free = 100 * kGib});
  EXPECT_NEAR(static_cast<double>(large.usable), 0.97 * 100 * kGib, 2);
}

TEST(Budget, KeepsTheReserveOutOfPlansWithinALimit) {
  const Budget budget = make_budget({.memory_limit = "1GiB", .memory_reserve = {}}, {.total = 8 * kGib, .free = kMib});
  EXPECT_EQ(budget.limit, kGib);
  EXPECT_EQ(budget.usable, 768 * kMib);
  EXPECT_EQ(budget.source, "memory_limit 1GiB");
}

TEST(Budget, TakesAReserveOfAnySizeBelowTheLimit) {
  const Capacity capacity{.total = 8 * kGib, .free = 8 * kGib};
  EXPECT_EQ(make_budget({.memory_limit = "1GiB", .memory_reserve = "0"}, capacity).usable, kGib);
  EXPECT_EQ(make_budget({.memory_limit = "1GiB", .memory_reserve = "25%"}, capacity).usable, 768 * kMib);
  EXPECT_THROW(make_budget({.memory_limit = "1GiB", .memory_reserve = "1GiB"}, capacity), ConfigError);
  EXPECT_THROW(make_budget({.memory_limit = "1GiB", .memory_reserve = "2GiB"}, capacity), ConfigError);
  EXPECT_THROW(make_budget({.memory_limit = "100MiB", .memory_reserve = {}}, capacity), ConfigError);
}

TEST(Limit, LeavesSoMuchBesideItsReserve) {
  for (const auto& reserve :
       {std::optional<std::string>(), std::optional<std::string>("0"), std::optional<std::string>("300MiB"),
        std::optional<std::string>("1000B"), std::optional<std::string>("40%")}) {
    for (const std::uint64_t usable : {kMib, 3 * kGib, 100 * kGib}) {
      MemoryOptions options{.memory_limit = {}, .memory_reserve = reserve};
      const std::uint64_t limit = limit_that_leaves(options, usable).value();
      options.memory_limit = std::to_string(limit) + "B";
      const std::uint64_t left = make_budget(options, {.total = 1000 * kGib, .free = 0}).usable;
      EXPECT_GE(left + 2, usable) << reserve.value_or("auto");
      EXPECT_LE(left, usable + 2) << reserve.value_or("auto");
    }
  }
  EXPECT_EQ(limit_that_leaves({.memory_limit = {}, .memory_reserve = "100%"}, 1), std::nullopt);
}

TEST(BudgetText, SaysWhatTheReserveTakes) {
  EXPECT_EQ(budget_text({.limit = kGib, .usable = 768 * kMib, .reserve = 256 * kMib, .source = "memory_limit 1GiB"}),
            "1.0 GiB (memory_limit 1GiB, 256 MiB of it memory_reserve)");
  EXPECT_EQ(budget_text({.limit = kGib, .usable = kGib, .source = "free memory"}), "1.0 GiB (free memory)");
  EXPECT_EQ(budget_text({.limit = kGib, .usable = kGib, .reserve = 256 * kMib, .source = "free memory"}),
            "1.0 GiB (free memory less memory_reserve 256 MiB)");
}

// A /proc and a /sys/fs/cgroup of our own.
class MachineCapacity : public testing::Test {
 protected:
  MachineCapacity() {
    write("proc/meminfo", "MemTotal:       8388608 kB\nMemFree: 1 kB\nMemAvailable:   4194304 kB\n");
  }

  void write(const std::string& name, const std::string& content) const {
    fs::create_directories(fs::path(root_ / name).parent_path());
    root_.write(name, content);
  }
  Capacity read() const { return machine_capacity(root_ / "proc", root_ / "cgroup"); }

  const TemporaryDirectory root_;
};

TEST_F(MachineCapacity, IsTheMachinesWithoutControlGroups) {
  EXPECT_EQ(read().total, 8 * kGib);
  EXPECT_EQ(read().free, 4 * kGib);
}

TEST_F(MachineCapacity, IsTheNarrowestGroupsOnTheWayUp) {
  write("proc/self/cgroup", "0::/batch/job\n");
  write("cgroup/batch/job/memory.max", "max\n");
  write("cgroup/batch/memory.max", std::to_string(2 * kGib));
  write("cgroup/batch/memory.current", std::to_string(kGib));
  write("cgroup/batch/memory.stat", "anon 5\ninactive_file " + std::to_string(kGib / 2) + "\n");
  EXPECT_EQ(read().total, 2 * kGib);
  EXPECT_EQ(read().free, 3 * kGib / 2);
}

TEST_F(MachineCapacity, KnowsTheOlderControlGroups) {
  write("proc/self/cgroup", "3:cpu:/x\n2:memory:/job\n");
  write("cgroup/memory/job/memory.limit_in_bytes", std::to_string(kGib));
  write("cgroup/memory/job/memory.usage_in_bytes", std::to_string(2 * kGib));
  EXPECT_EQ(read().total, kGib);
  EXPECT_EQ(read().free, 0U);
  write("cgroup/memory/job/memory.stat", "inactive_file 0\ntotal_inactive_file " + std::to_string(3 * kGib / 2) + "\n");
  EXPECT_EQ(read().free, kGib / 2);
}

TEST_F(MachineCapacity, IsTheMachinesWhereAGroupsLimitIsAboveIt) {
  write("proc/self/cgroup", "2:memory:/job\n");
  write("cgroup/memory/job/memory.limit_in_bytes", "9223372036854771712\n");  // how the older groups write "none"
  write("cgroup/memory/job/memory.usage_in_bytes", std::to_string(kGib));
  EXPECT_EQ(read().total, 8 * kGib);
  EXPECT_EQ(read().free, 4 * kGib);
}

TEST(MachineCapacityHere, IsSomething) {
  const Capacity here = machine_capacity();
  EXPECT_GT(here.total, 0U);
  EXPECT_LE(here.free, here.total);
}

TEST(MachineThreads, AreAsManyAsTheEnvironmentAsksFor) {
  const char* before = std::getenv("OMP_NUM_THREADS");
  const std::string kept = before == nullptr ? "" : before;
  const auto with = [](const char* value) {
    setenv("OMP_NUM_THREADS", value, 1);
    return machine_num_threads();
  };
  EXPECT_EQ(with("3"), 3);
  EXPECT_EQ(with("5,2"), 5);
  const std::int64_t processors = with("");
  EXPECT_GE(processors, 1);
  EXPECT_EQ(with("many"), processors);
  EXPECT_EQ(with("0"), processors);
  setenv("OMP_NUM_THREADS", kept.c_str(), 1);
  if (before == nullptr) unsetenv("OMP_NUM_THREADS");
}

TEST_F(MachineCapacity, IsTheRootGroupsInAContainer) {
  write("proc/self/cgroup", "0::/\n");
  write("cgroup/memory.max", std::to_string(2 * kGib));
  write("cgroup/memory.current", std::to_string(kGib));
  EXPECT_EQ(read().total, 2 * kGib);
  EXPECT_EQ(read().free, kGib);
  write("proc/self/cgroup", "0::/docker/0123\n");  // a path of the host's
  EXPECT_EQ(read().total, 2 * kGib);
}

TEST_F(MachineCapacity, IsNoMatterOfTheGroupsOfOtherControllers) {
  write("proc/self/cgroup", "3:cpu:/x\n2:memory:/job\n");
  write("cgroup/memory/x/memory.limit_in_bytes", std::to_string(kGib));
  EXPECT_EQ(read().total, 8 * kGib);
}

TEST(PlannedUsable, IsTheLimitLessItsReserve) {
  EXPECT_EQ(planned_usable({.memory_limit = "1GiB", .memory_reserve = "25%"}, 8 * kGib), 768 * kMib);
  EXPECT_EQ(planned_usable({.memory_limit = "1GiB", .memory_reserve = {}}, 8 * kGib), 768 * kMib);
  EXPECT_EQ(planned_usable({.memory_limit = "100MiB", .memory_reserve = {}}, 8 * kGib), 0U);
  EXPECT_EQ(planned_usable({.memory_limit = "50%", .memory_reserve = "0"}, 8 * kGib), 4 * kGib);
}

}  // namespace
}  // namespace bertft::memory
