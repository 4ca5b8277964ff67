// A workload's log on its way to a client: records become lines, in frames or bare.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/wait.h"
#include "control/engine.h"
#include "control/logs/log_reader.h"

namespace fulcrum::server {

struct LogFormat {
  bool framed = true;       ///< each piece of output behind the eight-byte header of docs/streams.md; false: bare bytes
  bool timestamps = false;  ///< before each line, RFC 3339 with nine digits
  bool details = false;     ///< before each line, the attributes of the log: none are kept, so that only their separating space is seen
};

/// Puts records into the form that a client asked for.
class LogLines {
 public:
  explicit LogLines(const LogFormat& format) : format_(format) {}
  void append(std::string& out, const control::LogRecord& record);

 private:
  LogFormat format_;
  bool continued_[2] = {false, false};  // per stream: the next record goes on with a line
};

using LogSink = std::function<Result<>(std::string_view data)>;

/// Sends what is there now, many records at a time.
[[nodiscard]] Result<> send_log(control::LogReader& reader, LogLines& lines, const LogSink& sink);

/// Whether a workload's log is complete: it ended, or goes away.
bool log_complete(const api::Workload& workload);

/// Sends the log and then what comes, until the workload has ended and all of it was sent, the client left (`client` is ready) or `stop`
/// fires. Without `follow` only what is there.
struct LogRequest {
  control::LogSelection selection;
  LogFormat format;
  bool follow = false;
};
/// A log that is open; begins nothing yet, so that errors can still be told. Errors: those of the store.
class LogStream {
 public:
  [[nodiscard]] static Result<LogStream> open(control::Engine& engine, const api::Workload& workload, const LogRequest& request);
  [[nodiscard]] Result<> run(const StopSource& stop, const Interest& client, const LogSink& sink);

 private:
  LogStream(control::LogReader reader, std::unique_ptr<store::Watch> watch, const LogRequest& request, bool complete)
      : reader_(std::move(reader)), watch_(std::move(watch)), lines_(request.format), follow_(request.follow), complete_(complete) {}
  control::LogReader reader_;
  std::unique_ptr<store::Watch> watch_;
  LogLines lines_;
  bool follow_;
  bool complete_;
};

}  // namespace fulcrum::server
