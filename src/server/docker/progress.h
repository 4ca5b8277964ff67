// The stream of JSON lines by which long work on images is told.
#pragma once

#include <map>
#include <mutex>
#include <string>
#include <string_view>

#include "api/docker/progress.h"
#include "control/image_access.h"
#include "http/server.h"

namespace fulcrum::server::docker {

/// "[====>      ]  1.2MB/3.4MB", as `docker pull` has always shown it; empty when nothing is known.
std::string progress_bar(std::uint64_t current, std::uint64_t total);

/// Lines from several threads, one after the other. The response begins with the first line: before it, an error can still be a status.
/// When the client has left, lines are dropped.
class ProgressStream {
 public:
  explicit ProgressStream(http::ResponseWriter& response) : response_(response) {}

  void status(std::string text, std::string id = "");
  void text(std::string text);
  void progress(std::string id, std::string_view action, std::uint64_t current, std::uint64_t total);
  void write(const api::docker::ProgressMessage& message);
  /// Ends a handler: an error is returned while it can be a status, and else becomes the last line.
  [[nodiscard]] Result<> finish(const Result<>& outcome);

 private:
  http::ResponseWriter& response_;
  std::mutex mutex_;  ///< a response has one writer
  bool broken_ = false;
};

/// Tells the steps of a pull or push in Docker's words: of those blobs that were given an ID.
class TransferLines {
 public:
  enum class Direction { pull, push };
  TransferLines(ProgressStream& stream, Direction direction) : stream_(stream), direction_(direction) {}
  /// Before the first step. `present`: a pull need not fetch it.
  void add(const Digest& blob, const std::string& id, bool present = false);
  void step(const control::TransferStep& step);

 private:
  struct Blob {
    std::string id;
    bool present = false;
  };
  void pull_step(const Blob& blob, const control::TransferStep& step);
  void push_step(const std::string& id, const control::TransferStep& step);

  ProgressStream& stream_;
  Direction direction_;
  std::map<Digest, Blob> blobs_;  ///< fixed once steps come
};

}  // namespace fulcrum::server::docker
