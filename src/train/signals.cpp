#include "bertft/train/signals.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <string_view>

namespace bertft::train {
namespace {

constexpr std::array<int, 4> kSignals = {SIGINT, SIGTERM, SIGHUP, SIGUSR1};
constexpr int kExitInterrupted = 128 + SIGINT;
constexpr int kNoSignal = 0;

std::atomic<int> g_received{kNoSignal};     // handlers can reach nothing else
std::atomic<bool> g_tells_terminal{false};  // isatty() is not for handlers
std::array<struct sigaction, kSignals.size()> g_previous;

// What a handler interrupts may be about to look at errno.
struct KeepErrno {
  int value = errno;
  ~KeepErrno() { errno = value; }
};

extern "C" void remember_signal(int signal) {
  const KeepErrno keep;
  int none = kNoSignal;
  const bool is_first = g_received.compare_exchange_strong(none, signal);
  if (signal != SIGINT) return;
  if (!is_first) _exit(kExitInterrupted);
  if (!g_tells_terminal) return;
  constexpr std::string_view kLine = "\nending as soon as what is done can be saved; Ctrl-C again ends at once\n";
  [[maybe_unused]] const ssize_t told = write(STDERR_FILENO, kLine.data(), kLine.size());
}

}  // namespace

Interrupted::Interrupted(int signal)
    : Error(fmt::format("interrupted by SIG{} while the run was loading; no step is lost.", sigabbrev_np(signal))),
      signal_(signal) {}

SignalGuard::SignalGuard() {
  g_received = kNoSignal;
  g_tells_terminal = isatty(STDERR_FILENO) == 1;
  struct sigaction action{};
  action.sa_handler = remember_signal;
  action.sa_flags = SA_RESTART;
  for (std::size_t i = 0; i < kSignals.size(); ++i) {
    sigaction(kSignals[i], &action, &g_previous[i]);
    // What nohup or a shell's background job ignores stays ignored.
    if (g_previous[i].sa_handler == SIG_IGN) sigaction(kSignals[i], &g_previous[i], nullptr);
  }
}

SignalGuard::~SignalGuard() {
  for (std::size_t i = 0; i < kSignals.size(); ++i) sigaction(kSignals[i], &g_previous[i], nullptr);
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
