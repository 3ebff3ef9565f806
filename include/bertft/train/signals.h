#pragma once

namespace bertft::train {

/// Turns SIGINT, SIGTERM, SIGHUP and SIGUSR1 into a request to stop after the current step,
/// for as long as it lives. A second SIGINT ends the process at once with 130.
class SignalGuard {
 public:
  SignalGuard();
  ~SignalGuard();
  SignalGuard(const SignalGuard&) = delete;
  SignalGuard& operator=(const SignalGuard&) = delete;

  /// The first signal received, or 0.
  static int received();
};

}  // namespace bertft::train
