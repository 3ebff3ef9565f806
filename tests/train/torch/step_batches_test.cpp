#include "bertft/train/step_batches.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <limits>
#include <new>

#include "bertft/util/error.h"
#include "train/torch/small_run.h"

namespace {

// On the CPU batches are plain vectors: to run out of memory while they are made, operator new has to.
std::atomic<bool> others_have_no_memory = false;  // threads other than the test's
thread_local bool is_thread_of_test = false;
std::atomic<std::size_t> largest_there_is = std::numeric_limits<std::size_t>::max();

struct OthersWithoutMemory {
  OthersWithoutMemory() {
    is_thread_of_test = true;
    others_have_no_memory = true;
  }
  ~OthersWithoutMemory() { others_have_no_memory = false; }
};

}  // namespace

[[gnu::noinline]] void* operator new(std::size_t size) {
  const bool is_refused = size > largest_there_is || (others_have_no_memory && !is_thread_of_test);
  void* const memory = is_refused ? nullptr : std::malloc(size);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}
[[gnu::noinline]] void operator delete(void* memory) noexcept {
  std::free(memory);
}
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept {
  std::free(memory);
}

namespace bertft::train {
namespace {

using testing::ElementsAreArray;

// Three epochs of four steps: 2, 2, 2 and 1 of seven windows.
Plan short_plan() {
  TrainOptions options;
  options.per_device_train_batch_size = 2;
  options.num_train_epochs = 3;
  return make_plan(7, options);
}

void expect_same(const StepBatches& batches, const StepBatches& expected) {
  EXPECT_THAT(batches.windows, ElementsAreArray(expected.windows));
  ASSERT_EQ(batches.micro_batches.size(), expected.micro_batches.size());
  for (std::size_t i = 0; i < batches.micro_batches.size(); ++i) {
    EXPECT_THAT(batches.micro_batches[i].packed.ids, ElementsAreArray(expected.micro_batches[i].packed.ids));
    EXPECT_EQ(batches.micro_batches[i].packed.first_in_batch, expected.micro_batches[i].packed.first_in_batch);
  }
}

class BatchesAheadTest : public testing::Test {
 protected:
  StepBatches expected(std::int64_t step, const data::MicroBatchLimit& limit) {
    return make_batches(features_, order_.windows(step), limit, c10::kCPU);
  }

  const data::Features features_ = seven_windows();
  const Plan plan_ = short_plan();
  DataOrder order_{plan_, kSeed};
  BatchesAhead ahead_{features_, plan_, kSeed, c10::kCPU};
};

TEST_F(BatchesAheadTest, AreThoseOfTheOrderOverAllEpochs) {
  ASSERT_EQ(plan_.total_steps, 12);
  for (std::int64_t step = 0; step < plan_.total_steps; ++step) {
    expect_same(ahead_.take(step, {}), expected(step, {}));
  }
}

TEST_F(BatchesAheadTest, BeginWhereARunIsResumed) {
  for (std::int64_t step = 6; step < 9; ++step) expect_same(ahead_.take(step, {}), expected(step, {}));
}

TEST_F(BatchesAheadTest, FollowALimitThatChangedMeanwhile) {
  const data::MicroBatchLimit one{.features = 1, .tokens = {}};
  expect_same(ahead_.take(0, {}), expected(0, {}));
  const StepBatches cut = ahead_.take(1, one);
  EXPECT_EQ(cut.micro_batches.size(), 2U);
  expect_same(cut, expected(1, one));
  expect_same(ahead_.take(2, one), expected(2, one));
}

TEST_F(BatchesAheadTest, AreLeftToBeCutWhereThereWasNoMemoryForThem) {
  const OthersWithoutMemory shortage;
  expect_same(ahead_.take(0, {}), expected(0, {}));
  for (const std::int64_t step : {1, 2}) {
    const StepBatches not_cut = ahead_.take(step, {});
    EXPECT_TRUE(not_cut.micro_batches.empty());
    EXPECT_THAT(not_cut.windows, ElementsAreArray(expected(step, {}).windows));
  }
  others_have_no_memory = false;
  ahead_.take(3, {});  // may have been tried before there was memory again
  for (std::int64_t step = 4; step < plan_.total_steps; ++step) expect_same(ahead_.take(step, {}), expected(step, {}));
}

TEST_F(BatchesAheadTest, MayBeAskedForAgainOrOutOfOrder) {
  for (const std::int64_t step : {3, 3, 0, 11, 5}) expect_same(ahead_.take(step, {}), expected(step, {}));
}

TEST(StepEngine, EndsWhereTheBatchesOfAStepDoNotFit) {
  const data::Features features = seven_windows();
  TrainedModel run;
  StepEngine engine = run.engine(features, {});
  const std::vector<std::uint32_t> windows(10'000, 0U);  // their ids alone take 300 kB
  largest_there_is = 100'000;
  std::string message;
  try {
    engine.run(windows, 2, kLearningRate);
  } catch (const OutOfMemoryError& e) {
    message = e.what();
  }
  largest_there_is = std::numeric_limits<std::size_t>::max();
  EXPECT_EQ(message, "the batches of step 3 do not fit in memory: std::bad_alloc.");
}

}  // namespace
}  // namespace bertft::train
