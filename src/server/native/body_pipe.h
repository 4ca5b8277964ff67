// A request's body behind a descriptor, for those that read files.
#pragma once

#include <memory>
#include <thread>

#include "base/error.h"
#include "base/unique_fd.h"
#include "http/server.h"

namespace fulcrum::server::native {

/// The body is fed by a thread of its own. The request must outlive it.
class BodyPipe {
 public:
  [[nodiscard]] static Result<std::unique_ptr<BodyPipe>> open(http::Request& request);
  ~BodyPipe();
  BodyPipe(const BodyPipe&) = delete;
  BodyPipe& operator=(const BodyPipe&) = delete;

  /// To read from, until its end.
  int fd() const { return read_.get(); }
  /// Ends the feeding, wherever it is, and says how the body ended.
  [[nodiscard]] Result<> finish();
  /// Reads what nobody wanted of the body, so that its sender is not cut off, and says how it ended.
  [[nodiscard]] Result<> drain();

 private:
  BodyPipe(http::Request& request, UniqueFd read, UniqueFd write);
  void run();

  http::Request& request_;
  UniqueFd read_, write_;
  Result<> result_;
  std::thread thread_;
};

}  // namespace fulcrum::server::native
