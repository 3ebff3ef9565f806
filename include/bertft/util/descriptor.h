#pragma once

#include <unistd.h>

namespace bertft {

/// A file descriptor, closed on every way out; -1 is none. Linux releases it even when close() is interrupted.
class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }

 private:
  int fd_;
};

}  // namespace bertft
