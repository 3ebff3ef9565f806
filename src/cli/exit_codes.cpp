#include "cli/exit_codes.h"

#include <fmt/format.h>

#include <csignal>
#include <filesystem>
#include <new>

#include "bertft/train/signals.h"
#include "bertft/util/error.h"
#include "bertft/util/text.h"

namespace bertft::cli {
namespace {

template <class E>
bool is(const std::exception& error) {
  return dynamic_cast<const E*>(&error) != nullptr;
}

int code_of(const std::exception& error) {
  if (const auto* interrupted = dynamic_cast<const train::Interrupted*>(&error)) {
    return code_of_signal(interrupted->signal());
  }
  if (const auto* failed = dynamic_cast<const ChildFailed*>(&error)) return failed->code();
  if (is<UsageError>(error)) return kUsage;
  if (is<ConfigError>(error)) return kBadConfig;
  if (is<InputError>(error)) return kNoInput;
  if (is<DataError>(error) || is<WeightsError>(error) || is<CheckpointError>(error)) return kBadData;
  if (is<DeviceError>(error)) return kNoDevice;
  if (is<OutputError>(error)) return kCannotOutput;
  if (is<StorageError>(error) || is<std::filesystem::filesystem_error>(error)) return kIoError;
  if (is<DivergedError>(error)) return kDiverged;
  if (is<OutOfMemoryError>(error) || is<std::bad_alloc>(error)) return kOutOfMemory;
  return kInternal;
}

}  // namespace

Failure describe(const std::exception& error) {
  const int code = code_of(error);
  std::string message = error.what();
  if (is<ChildFailed>(error)) return {code, message};
  if (const auto* file_error = dynamic_cast<const std::filesystem::filesystem_error*>(&error)) {
    message = fmt::format("{}: {}", printable(file_error->path1().string()), file_error->code().message());
  }
  if (is<std::bad_alloc>(error)) {
    message = fmt::format("out of memory: {}.", message);
  } else if (code == kInternal) {
    message = fmt::format(
        "internal error: {}\nThis is a bug of bert-finetune; please report it with the command and `bert-finetune "
        "--build-info`.",
        message);
  }
  return {code, message};
}

int code_of_signal(int signal) {
  if (signal == SIGUSR1) return kPreempted;
  if (signal == SIGHUP) return 128 + SIGTERM;
  return 128 + signal;
}

std::string exit_code_help() {
  return "Exit codes: 0 ok, 1 diverged, 2 usage, 65 bad data or weights, 66 input missing,\n"
         "  69 no device, 70 internal error, 71 out of memory, 73 output directory,\n"
         "  74 I/O, 75 preempted (SIGUSR1), 78 bad configuration,\n"
         "  130 SIGINT, 143 SIGTERM or SIGHUP";
}

}  // namespace bertft::cli
