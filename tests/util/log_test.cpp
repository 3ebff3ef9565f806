#include "bertft/util/log.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <pty.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string>

#include "bertft/util/error.h"
#include "bertft/util/file.h"
#include "temporary_directory.h"

namespace bertft {
namespace {

using testing::HasSubstr;
using testing::MatchesRegex;
using testing::Not;

struct ChildResult {
  std::string output;
  int exit_status = -1;
};

std::string read_to_end(int fd) {
  std::string output;
  char buffer[4096];
  ssize_t got = 0;
  // The end of a pseudo-terminal's output is an I/O error.
  while ((got = ::read(fd, buffer, sizeof buffer)) > 0) output.append(buffer, static_cast<std::size_t>(got));
  ::close(fd);
  return output;
}

ChildResult wait_for(pid_t child, int output_fd) {
  ChildResult result;
  if (output_fd >= 0) result.output = read_to_end(output_fd);
  int status = 0;
  ::waitpid(child, &status, 0);
  result.exit_status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return result;
}

// The facade looks at stderr once in a process's life, so every test speaks in a child.
ChildResult on_pipe(const std::function<void()>& speak) {
  int ends[2];
  if (::pipe(ends) != 0) return {};
  const pid_t child = ::fork();
  if (child == 0) {
    ::dup2(ends[1], STDERR_FILENO);
    speak();
    ::_exit(0);
  }
  ::close(ends[1]);
  return wait_for(child, ends[0]);
}

ChildResult on_terminal(const char* term, const std::function<void()>& speak) {
  std::fflush(nullptr);  // or the child would write it, too
  int terminal = -1;
  const pid_t child = ::forkpty(&terminal, nullptr, nullptr, nullptr);
  if (child == 0) {
    ::setenv("TERM", term, 1);
    speak();
    ::_exit(0);
  }
  return wait_for(child, terminal);
}

ChildResult on_descriptor(const char* path, const std::function<void()>& speak) {
  const pid_t child = ::fork();
  if (child == 0) {
    ::close(STDERR_FILENO);
    if (path != nullptr) ::dup2(::open(path, O_WRONLY), STDERR_FILENO);
    speak();
    ::_exit(0);
  }
  return wait_for(child, -1);
}

TEST(Log, StampsWholeLinesOffATerminal) {
  const std::string output = on_pipe([] {
                               log::info("step=1 {not a format} 100%");
                               log::warn("careful");
                             }).output;
  EXPECT_THAT(output, MatchesRegex("20[0-9][0-9]-[0-9][0-9]-[0-9][0-9]T[0-9][0-9]:[0-9][0-9]:[0-9][0-9]Z info "
                                   "step=1 \\{not a format\\} 100%\n20[^ ]*Z warning careful\n"));
}

TEST(Log, EscapesWhatWouldMoveTheCursorAndKeepsLinesApart) {
  EXPECT_THAT(on_pipe([] { log::info("reading \x1b[2Ja\rb\nsecond line"); }).output,
              HasSubstr(" info reading \\x1b[2Ja\\rb\nsecond line\n"));
  EXPECT_EQ(on_pipe([] { log::error("x.json:1:1: error: \x07\n"); }).output, "x.json:1:1: error: \\x07\n\n");
}

TEST(Log, HasNoStatusLineOffATerminal) {
  EXPECT_EQ(on_pipe([] { log::set_status_line("busy"); }).output, "");
  EXPECT_EQ(on_terminal("dumb", [] { log::set_status_line("busy"); }).output, "");
}

TEST(Log, PrintsPlainLinesOnATerminal) {
  EXPECT_EQ(on_terminal("xterm",
                        [] {
                          log::info("hello");
                          log::warn("careful");
                        })
                .output,
            "hello\r\nwarning: careful\r\n");
}

TEST(Log, DrawsLinesAboveTheStatusLine) {
  EXPECT_EQ(on_terminal("xterm",
                        [] {
                          log::set_status_line("one");
                          log::info("line");
                          log::set_status_line("two");
                          log::set_status_line("two");
                          log::set_status_line("");
                        })
                .output,
            "one\r\x1b[Kline\r\none\r\x1b[Ktwo\r\x1b[K");
}

TEST(Log, ShowsFromTheLevelOn) {
  const auto speak_at = [](log::Level level) {
    return on_pipe([level] {
             log::set_level(level);
             log::debug("D");
             log::info("I");
             log::warn("W");
             log::error("E");
           })
        .output;
  };
  EXPECT_THAT(speak_at(log::Level::kDebug), HasSubstr("debug D\n"));
  EXPECT_THAT(speak_at(log::Level::kInfo), Not(HasSubstr("debug D\n")));
  EXPECT_THAT(speak_at(log::Level::kInfo), HasSubstr("info I\n"));
  EXPECT_THAT(speak_at(log::Level::kWarn), Not(HasSubstr("info I\n")));
  EXPECT_THAT(speak_at(log::Level::kWarn), HasSubstr("warning W\n"));
  EXPECT_EQ(speak_at(log::Level::kError), "E\n");
}

TEST(Log, IsQuietAboutStatusWhenInfoIsHidden) {
  EXPECT_EQ(on_terminal("xterm",
                        [] {
                          log::set_level(log::Level::kWarn);
                          log::set_status_line("busy");
                        })
                .output,
            "");
}

TEST(Log, WritesEverythingToTheFile) {
  const TemporaryDirectory directory;
  const std::string path = directory / "train.log";
  on_pipe([&] {
    log::set_level(log::Level::kError);
    log::set_file(path);
    log::debug("D");
    log::error("error: E");
  });
  EXPECT_THAT(read_file(path), MatchesRegex("20[^ ]*Z debug D\n20[^ ]*Z error E\n"));
}

TEST(Log, FileThatCannotBeOpenedIsAStorageError) {
  const ChildResult result = on_pipe([] {
    try {
      log::set_file("/nonexistent-directory/train.log");
    } catch (const StorageError&) {
      ::_exit(7);
    }
  });
  EXPECT_EQ(result.exit_status, 7);
}

TEST(Log, GoesOnWhenStderrOrTheFileCannotBeWritten) {
  const auto speak = [] {
    log::set_file("/dev/full");
    for (int i = 0; i < 1000; ++i) log::info("a line that is lost");
    ::_exit(5);
  };
  EXPECT_EQ(on_descriptor("/dev/full", speak).exit_status, 5);
  EXPECT_EQ(on_descriptor(nullptr, speak).exit_status, 5);
}

}  // namespace
}  // namespace bertft
