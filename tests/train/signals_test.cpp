#include "bertft/train/signals.h"

#include <gtest/gtest.h>

#include <csignal>

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
        const SignalGuard guard;
        std::raise(SIGTERM);
        std::raise(SIGINT);
      },
      testing::ExitedWithCode(130), "");
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
