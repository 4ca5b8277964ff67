// Ownership of one file descriptor.
#pragma once

#include <unistd.h>

#include <utility>

namespace fulcrum {

/// Owns one file descriptor and closes it once. There is no conversion to bool on purpose: `if (fd)` could mean `fd != 0`.
class UniqueFd {
 public:
  UniqueFd() noexcept = default;
  explicit UniqueFd(int fd) noexcept : fd_(fd) {}
  UniqueFd(UniqueFd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  UniqueFd& operator=(UniqueFd&& other) noexcept {
    UniqueFd(std::move(other)).swap(*this);
    return *this;
  }
  ~UniqueFd() {
    if (fd_ >= 0) ::close(fd_);  // never retried on EINTR: the descriptor is gone either way
  }

  int get() const noexcept { return fd_; }
  bool valid() const noexcept { return fd_ >= 0; }
  /// Gives the descriptor up; the receiver must stand on the same line.
  [[nodiscard]] int release() noexcept { return std::exchange(fd_, -1); }
  /// Closes now.
  void reset() noexcept { UniqueFd().swap(*this); }
  void swap(UniqueFd& other) noexcept { std::swap(fd_, other.fd_); }

 private:
  int fd_ = -1;
};

}  // namespace fulcrum
