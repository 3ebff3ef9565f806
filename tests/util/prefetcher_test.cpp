#include "bertft/util/prefetcher.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <future>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace bertft {
namespace {

using testing::ElementsAre;

// Makes the tenfold of a key and remembers what it made. Nothing guards that: its calls come one at a time.
struct Maker {
  std::vector<int> made;
  std::vector<std::thread::id> threads;

  int operator()(int key) {
    made.push_back(key);
    threads.push_back(std::this_thread::get_id());
    if (key < 0) throw std::runtime_error(std::to_string(key));
    return 10 * key;
  }
};

TEST(Prefetcher, HandsOutWhatWasMadeOnAnotherThread) {
  Maker maker;
  Prefetcher<int, int> ahead(std::ref(maker));
  ahead.begin(1);
  EXPECT_EQ(ahead.take(1), 10);
  EXPECT_THAT(maker.made, ElementsAre(1));
  EXPECT_NE(maker.threads.at(0), std::this_thread::get_id());
}

TEST(Prefetcher, MakesWhileTheCallerDoesOtherThings) {
  std::promise<void> other_things;
  std::future<void> done = other_things.get_future();
  Prefetcher<int, std::future_status> ahead([&](int) { return done.wait_for(std::chrono::seconds(10)); });
  ahead.begin(1);
  other_things.set_value();
  EXPECT_EQ(ahead.take(1), std::future_status::ready);
}

TEST(Prefetcher, MakesAtOnceWhatWasNotBegun) {
  Maker maker;
  Prefetcher<int, int> ahead(std::ref(maker));
  EXPECT_EQ(ahead.take(1), 10);
  ahead.begin(2);
  EXPECT_EQ(ahead.take(3), 30);
  EXPECT_EQ(ahead.take(2), 20);  // which is not kept for later
  EXPECT_THAT(maker.made, ElementsAre(1, 2, 3, 2));
}

TEST(Prefetcher, HasNoTwoValuesAtOnceWhereAnotherIsWanted) {
  std::weak_ptr<int> last;
  bool was_alone = true;
  Prefetcher<int, std::shared_ptr<int>> ahead([&](int key) {
    was_alone = was_alone && last.expired();
    auto value = std::make_shared<int>(key);
    last = value;
    return value;
  });
  ahead.begin(1);
  EXPECT_EQ(*ahead.take(2), 2);
  EXPECT_TRUE(was_alone);
}

TEST(Prefetcher, MakesOneAfterAnother) {
  Maker maker;
  Prefetcher<int, int> ahead(std::ref(maker));
  for (int key = 0; key < 100; ++key) {
    EXPECT_EQ(ahead.take(key), 10 * key);
    ahead.begin(key % 3 == 0 ? key : key + 1);  // now and then not the next
  }
  EXPECT_EQ(ahead.take(100), 1000);
}

TEST(Prefetcher, ThrowsToTheCallerWhatMakingHasThrown) {
  Maker maker;
  Prefetcher<int, int> ahead(std::ref(maker));
  EXPECT_THROW(ahead.take(-1), std::runtime_error);
  ahead.begin(-2);
  EXPECT_THROW(ahead.take(-2), std::runtime_error);
  ahead.begin(-3);
  EXPECT_THROW(ahead.take(3), std::runtime_error);  // though nobody wants that one
  EXPECT_EQ(ahead.take(3), 30);
  EXPECT_THAT(maker.made, ElementsAre(-1, -2, -3, 3));
}

TEST(Prefetcher, EndsOnlyWhenNothingIsBeingMade) {
  auto tool = std::make_shared<int>();
  const std::weak_ptr<int> seen = tool;
  std::promise<void> begun;
  bool was_made_with_it = false;
  {
    Prefetcher<int, int> ahead([&, tool = std::move(tool)](int key) {
      begun.set_value();
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
      was_made_with_it = !seen.expired();
      return key;
    });
    ahead.begin(1);
    begun.get_future().wait();
  }
  EXPECT_TRUE(was_made_with_it);
  EXPECT_TRUE(seen.expired());
}

TEST(Prefetcher, ForgetsAFailureThatNobodyAsksFor) {
  Maker maker;
  {
    Prefetcher<int, int>(std::ref(maker)).begin(-1);
  }
  EXPECT_THAT(maker.made, ElementsAre(-1));
}

}  // namespace
}  // namespace bertft
