#include "bertft/train/signals.h"

#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstring>
#include <string>
#include <vector>

namespace bertft::train {
namespace {

constexpr std::array<int, 4> kSignals = {SIGINT, SIGTERM, SIGHUP, SIGUSR1};
constexpr int kExitInterrupted = 128 + SIGINT;
constexpr int kNoSignal = 0;
constexpr std::size_t kStackBytes = std::size_t{64} << 10;  // beside what the system puts there

std::atomic<int> g_received{kNoSignal};              // handlers can reach nothing else
std::array<std::string, kSignals.size()> g_answers;  // made beforehand: a handler cannot
std::array<struct sigaction, kSignals.size()> g_previous;
std::vector<std::byte> g_stack;  // for handlers
stack_t g_previous_stack;

// What a handler interrupts may be about to look at errno.
struct KeepErrno {
  int value = errno;
  ~KeepErrno() { errno = value; }
};

// A step may take a minute: until it ends nobody else answers. Where nobody reads, nobody is told.
void tell_received(int signal) {
  pollfd out{STDERR_FILENO, POLLOUT, 0};
  if (poll(&out, 1, 0) != 1 || (out.revents & POLLOUT) == 0) return;
  for (std::size_t i = 0; i < kSignals.size(); ++i) {
    if (kSignals[i] != signal) continue;
    [[maybe_unused]] const ssize_t told = write(STDERR_FILENO, g_answers[i].data(), g_answers[i].size());
  }
}

extern "C" void remember_signal(int signal) {
  const KeepErrno keep;
  int none = kNoSignal;
  if (g_received.compare_exchange_strong(none, signal)) {
    tell_received(signal);
  } else if (signal == SIGINT) {
    _exit(kExitInterrupted);
  }
}

}  // namespace

Interrupted::Interrupted(int signal)
    : Error(fmt::format("interrupted by SIG{} before the first step; nothing is lost.", sigabbrev_np(signal))),
      signal_(signal) {}

SignalGuard::SignalGuard() {
  g_received = kNoSignal;
  const bool is_terminal = isatty(STDERR_FILENO) == 1;
  std::ranges::transform(kSignals, g_answers.begin(), [&](int signal) {
    return fmt::format("{}SIG{}: ending as soon as possible; what is done is kept{}\n", is_terminal ? "\n" : "",
                       sigabbrev_np(signal), is_terminal ? "; Ctrl-C again ends at once" : "");
  });
  // Some of oneDNN's kernels point the stack pointer into the heap while they run (its issue 4845).
  g_stack.resize(kStackBytes + static_cast<std::size_t>(sysconf(_SC_MINSIGSTKSZ)));
  const stack_t stack{.ss_sp = g_stack.data(), .ss_flags = 0, .ss_size = g_stack.size()};
  sigaltstack(&stack, &g_previous_stack);
  struct sigaction action{};
  action.sa_handler = remember_signal;
  action.sa_flags = SA_RESTART | SA_ONSTACK;
  for (std::size_t i = 0; i < kSignals.size(); ++i) {
    sigaction(kSignals[i], &action, &g_previous[i]);
    // What nohup or a shell's background job ignores stays ignored.
    if (g_previous[i].sa_handler == SIG_IGN) sigaction(kSignals[i], &g_previous[i], nullptr);
  }
}

SignalGuard::~SignalGuard() {
  for (std::size_t i = 0; i < kSignals.size(); ++i) sigaction(kSignals[i], &g_previous[i], nullptr);
  sigaltstack(&g_previous_stack, nullptr);
}

bool SignalGuard::is_request(int signal) {
  return std::find(kSignals.begin(), kSignals.end(), signal) != kSignals.end();
}

std::optional<int> SignalGuard::received() {
  const int signal = g_received;
  return signal == kNoSignal ? std::nullopt : std::optional(signal);
}

void SignalGuard::stop_if_received() {
  if (const auto signal = received()) throw Interrupted(*signal);
}

}  // namespace bertft::train
