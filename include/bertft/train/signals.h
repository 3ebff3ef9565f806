#pragma once

#include <optional>

#include "bertft/util/error.h"

namespace bertft::train {

/// A signal ended the work before there was anything to keep.
class Interrupted : public Error {
 public:
  explicit Interrupted(int signal);
  int signal() const { return signal_; }

 private:
  int signal_;
};

/// Turns SIGINT, SIGTERM, SIGHUP and SIGUSR1 into a request to stop after the current step,
/// for as long as it lives; there is one at a time. SIGINT after any of them ends the process at once
/// with 130. Handlers have a stack of their own on the thread that makes the guard: the main one, to which the system
/// brings signals.
class SignalGuard {
 public:
  SignalGuard();
  ~SignalGuard();
  SignalGuard(const SignalGuard&) = delete;
  SignalGuard& operator=(const SignalGuard&) = delete;

  /// Whether `signal` is one of these.
  static bool is_request(int signal);

  /// The first signal received, if any was.
  static std::optional<int> received();

  /// For the time before the first step. throws Interrupted once a signal was received
  static void stop_if_received();
};

}  // namespace bertft::train
