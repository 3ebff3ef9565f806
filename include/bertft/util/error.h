#pragma once

#include <stdexcept>
#include <string>
#include <system_error>

namespace bertft {

/// Base of everything this program throws on purpose. what() is one to three lines
/// for the user: the fact with its place, what was expected, what to try next.
/// `cli` maps the derived types to exit codes; nobody else knows the codes.
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// Wrong command line.
class UsageError : public Error {
  using Error::Error;
};
// A key, value or syntax of the configuration, wherever it was given; an unsupported model.
class ConfigError : public Error {
  using Error::Error;
};
// A named input is missing, unreadable, or a directory where a file is meant.
class InputError : public Error {
  using Error::Error;
};
// Data set, predictions or vocabulary malformed, foreign or inconsistent.
class DataError : public Error {
  using Error::Error;
};
// Weights malformed, foreign, inconsistent with config.json, or not finite.
class WeightsError : public Error {
  using Error::Error;
};
// A checkpoint of ours is damaged or does not belong to this run.
class CheckpointError : public Error {
  using Error::Error;
};
// A tensor does not have the shape its contract states: a bug of ours.
class ShapeError : public Error {
  using Error::Error;
};
// No GPU although asked for, driver too old, device lost.
class DeviceError : public Error {
  using Error::Error;
};
// The output directory cannot be used: exists, busy, not writable.
class OutputError : public Error {
  using Error::Error;
};
// Disk full or I/O error while writing.
class StorageError : public Error {
  using Error::Error;
};
// Not even the smallest piece of work fits into memory.
class OutOfMemoryError : public Error {
  using Error::Error;
};
// Loss or gradients stayed non-finite.
class DivergedError : public Error {
  using Error::Error;
};

/// The system's words for an errno, without strerror's shared buffer.
inline std::string system_reason(int error) {
  return std::generic_category().message(error);
}

}  // namespace bertft
