#include "bertft/train/signals.h"

#include <gtest/gtest.h>
#include <pthread.h>
#include <ucontext.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <thread>
#include <vector>

namespace bertft::train {
namespace {

TEST(SignalGuard, OutlivesASignalThatIsSentTwice) {
  const SignalGuard guard;
  EXPECT_EQ(SignalGuard::received(), std::nullopt);
  EXPECT_NO_THROW(SignalGuard::stop_if_received());
  for (int i = 0; i < 2; ++i) std::raise(SIGTERM);  // as from a scheduler, to the process and to its group
  EXPECT_EQ(SignalGuard::received(), SIGTERM);
  EXPECT_THROW(SignalGuard::stop_if_received(), Interrupted);
}

TEST(SignalGuard, EndsAtOnceByAnInterruptAfterAnySignal) {
  EXPECT_EXIT(
      {
        std::signal(SIGINT, SIG_DFL);  // which a background job of a shell ignores
        const SignalGuard guard;
        std::raise(SIGTERM);
        std::raise(SIGINT);
      },
      testing::ExitedWithCode(130), "");
}

TEST(SignalGuard, DisturbsNoCallThatASignalMeets) {
  const SignalGuard guard;
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  const pthread_t reader = pthread_self();
  std::thread sender([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    pthread_kill(reader, SIGTERM);
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    EXPECT_EQ(write(ends[1], "x", 1), 1);
  });
  char byte = 0;
  EXPECT_EQ(read(ends[0], &byte, 1), 1);  // and not EINTR
  sender.join();
  EXPECT_EQ(SignalGuard::received(), SIGTERM);
  for (const int end : ends) close(end);
}

// A kernel of oneDNN's, as it were: its stack is a small block of the heap.
TEST(SignalGuard, WritesNothingBelowTheStackPointerOfWhatItInterrupts) {
  constexpr std::size_t kBelow = 64 << 10, kStack = 2 << 10;
  static ucontext_t test, kernel;
  const SignalGuard guard;
  std::vector<char> heap(kBelow + kStack, 'x');
  ASSERT_EQ(getcontext(&kernel), 0);
  kernel.uc_stack.ss_sp = heap.data() + kBelow;
  kernel.uc_stack.ss_size = kStack;
  kernel.uc_link = &test;
  makecontext(&kernel, [] { kill(getpid(), SIGTERM); }, 0);
  ASSERT_EQ(kill(getpid(), 0), 0);  // the first call of a function takes more of the stack
  ASSERT_EQ(swapcontext(&test, &kernel), 0);
  EXPECT_EQ(SignalGuard::received(), SIGTERM);
  EXPECT_EQ(std::count(heap.begin(), heap.begin() + kBelow, 'x'), kBelow);
}

TEST(SignalGuard, LeavesSignalsAsItFoundThem) {
  std::signal(SIGHUP, SIG_IGN);
  {
    const SignalGuard guard;
    std::raise(SIGHUP);
    EXPECT_EQ(SignalGuard::received(), std::nullopt);
  }
  EXPECT_EQ(std::signal(SIGHUP, SIG_DFL), SIG_IGN);
  EXPECT_EQ(std::signal(SIGTERM, SIG_DFL), SIG_DFL);
}

}  // namespace
}  // namespace bertft::train
