#include "cli/probe_child.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <string_view>
#include <thread>
#include <utility>

#include "bertft/config/config.h"
#include "bertft/train/signals.h"
#include "bertft/util/error.h"
#include "cli/exit_codes.h"

namespace bertft::cli {
namespace {

// A pipe that holds all of `content`, for a child to read.
class Handover {
 public:
  explicit Handover(const std::string& content) {
    int ends[2];
    if (pipe(ends) != 0) fail(errno);
    fd_ = ends[0];
    if (content.size() > kPipeBytes) fcntl(ends[1], F_SETPIPE_SZ, static_cast<int>(content.size()));
    fcntl(ends[1], F_SETFL, O_NONBLOCK);  // what it does not take nobody would ever read
    const ssize_t written = write(ends[1], content.data(), content.size());
    const int error = written < 0 ? errno : EMSGSIZE;
    close(ends[1]);
    if (written == static_cast<ssize_t>(content.size())) return;
    close(fd_);
    fail(error);
  }
  ~Handover() { close(fd_); }
  Handover(const Handover&) = delete;
  Handover& operator=(const Handover&) = delete;

  std::string path() const { return fmt::format("/proc/self/fd/{}", fd_); }

 private:
  static constexpr std::size_t kPipeBytes = 65536;  // unless asked for more, pipe(7)

  [[noreturn]] static void fail(int error) {
    throw Error(fmt::format("the probe could not be given its options: {}.", system_reason(error)));
  }

  int fd_ = -1;
};

pid_t start(std::vector<std::string> command) {
  std::vector<char*> argv;
  for (std::string& word : command) argv.push_back(word.data());
  argv.push_back(nullptr);
  std::signal(SIGCHLD, SIG_DFL);   // ignored, as some launchers leave it, how the child ended would be lost
  std::vector<char*> environment;  // but for options, which would count for more than the file
  for (char** entry = environ; *entry != nullptr; ++entry) {
    if (!std::string_view(*entry).starts_with(config::kEnvironmentPrefix)) environment.push_back(*entry);
  }
  environment.push_back(nullptr);
  pid_t child = 0;
  const int error = posix_spawn(&child, "/proc/self/exe", nullptr, nullptr, argv.data(), environment.data());
  if (error != 0) throw Error(fmt::format("the probe could not be started: {}.", system_reason(error)));
  return child;
}

// A signal that stops this process stops the child. returns its status, of waitpid()
int wait_for(pid_t child) {
  int status = 0;
  pid_t ended = 0;
  while ((ended = waitpid(child, &status, WNOHANG)) == 0) {
    if (train::SignalGuard::received()) kill(child, SIGTERM);
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  train::SignalGuard::stop_if_received();
  if (ended != child) throw Error(fmt::format("how the probe ended is not known: {}.", system_reason(errno)));
  return status;
}

// throws unless the process that ended with `status` has done its work
void check_end(int status) {
  if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) {
    throw OutOfMemoryError(
        "the probe was killed (SIGKILL), as the kernel does when the machine is out of memory.\n"
        "Set memory_limit to less than is free.");
  }
  // A terminal's Ctrl-C reaches both, the child perhaps first.
  if (WIFSIGNALED(status) && train::SignalGuard::is_request(WTERMSIG(status))) {
    throw train::Interrupted(WTERMSIG(status));
  }
  if (!WIFEXITED(status)) {
    throw Error(fmt::format("the probe's process ended by signal {}; probe_process: same runs it in this one.",
                            WTERMSIG(status)));
  }
  if (WEXITSTATUS(status) != kOk) throw ChildFailed(WEXITSTATUS(status));
}

}  // namespace

void probe_in_child(std::vector<std::string> command, const std::string& config) {
  const Handover options(config);
  command.insert(command.end(),
                 {"--config", options.path(), "--probe-memory", "--probe-for-parent", std::to_string(getpid())});
  check_end(wait_for(start(std::move(command))));
}

void end_with_parent(pid_t parent) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) raise(SIGKILL);
}

}  // namespace bertft::cli
