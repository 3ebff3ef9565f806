#pragma once

#include <exception>
#include <string>

#include "bertft/util/error.h"

namespace bertft::cli {

// The only table of exit codes (sysexits.h, 128 + signal).
enum ExitCode {
  kOk = 0,
  kDiverged = 1,
  kUsage = 2,
  kBadData = 65,
  kNoInput = 66,
  kNoDevice = 69,
  kInternal = 70,
  kOutOfMemory = 71,
  kCannotOutput = 73,
  kIoError = 74,
  kPreempted = 75,
  kBadConfig = 78,
};

/// This program, started once more as a child, has failed and said why: its code is ours, and nothing is to be added.
class ChildFailed : public Error {
 public:
  explicit ChildFailed(int code) : Error(""), code_(code) {}
  int code() const { return code_; }

 private:
  int code_;
};

/// What a failed command prints, unless it is empty, and returns.
struct Failure {
  int code;
  std::string message;
};

/// Sorts an exception into the table. Unknown ones are our bugs: 70, with a line that says so.
Failure describe(const std::exception& error);

/// 128 + signal, or 75 after SIGUSR1: preempted, a retry makes sense.
int code_of_signal(int signal);

/// The table as text, for --help.
std::string exit_code_help();

}  // namespace bertft::cli
