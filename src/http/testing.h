// A server on a unix socket in a folder of its own, for tests.
#pragma once

#include <string>
#include <thread>

#include "base/testing.h"
#include "http/client.h"
#include "http/server.h"

namespace fulcrum::http::testing {

inline Deadline soon() { return Deadline::in(std::chrono::seconds(10)); }

/// Runs from start() to stop() or destruction.
class TestServer {
 public:
  Router router;
  ServerOptions options;

  ~TestServer() { stop(); }
  void start() {
    server_ = std::make_unique<Server>(std::move(router), options);
    std::vector<Listener> listeners;
    listeners.push_back({.fd = sys::listen_unix(path(), 0600).value()});
    thread_ = std::thread([this, taken = std::move(listeners)]() mutable { result_ = server_->run(std::move(taken), stop_); });
  }
  void stop() {
    stop_.request_stop();
    if (thread_.joinable()) thread_.join();
    EXPECT_THAT(result_, ::fulcrum::testing::IsOk());
  }
  std::string path() const { return directory_ / "api.sock"; }
  Server& server() { return *server_; }
  const StopSource& stop_source() const { return stop_; }

  /// A raw connection.
  std::unique_ptr<Stream> connect() const { return make_stream(sys::connect_unix(path()).value()).value(); }
  /// Sends raw bytes and reads until the server closes (or the deadline).
  std::string exchange(std::string_view request) const {
    auto stream = connect();
    [[maybe_unused]] const auto sent = stream->write(request, StopSource::never(), soon());
    return read_to_end(*stream);
  }
  static std::string read_to_end(Stream& stream) {
    std::string out;
    char data[4096];
    for (;;) {
      const auto n = stream.read(data, sizeof data, StopSource::never(), soon());
      if (!n || *n == 0) return out;
      out.append(data, *n);
    }
  }
  /// Reads until `text` has arrived.
  static std::string read_until(Stream& stream, std::string_view text) {
    std::string out;
    char c;
    while (out.find(text) == std::string::npos) {
      const auto n = stream.read(&c, 1, StopSource::never(), soon());
      if (!n || *n == 0) break;
      out += c;
    }
    return out;
  }

 private:
  ::fulcrum::testing::TemporaryDirectory directory_;
  StopSource stop_;
  std::unique_ptr<Server> server_;
  std::thread thread_;
  Result<> result_;
};

}  // namespace fulcrum::http::testing
