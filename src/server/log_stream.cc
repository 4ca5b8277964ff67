#include "server/log_stream.h"

#include <utility>

#include "sandbox/stream/frame.h"

namespace fulcrum::server {

namespace {

constexpr std::size_t kFlush = 128 << 10;

}  // namespace

void LogLines::append(std::string& out, const control::LogRecord& record) {
  auto& continued = continued_[record.error_output ? 1 : 0];
  const auto stamp = format_.timestamps && !continued ? format_time(record.time) + " " : std::string();
  const bool space = format_.details && !continued;
  continued = record.partial;
  if (format_.framed) {
    const auto size = stamp.size() + (space ? 1 : 0) + record.text.size() + (record.partial ? 0 : 1);
    const auto type = record.error_output ? sandbox::FrameType::error_output : sandbox::FrameType::output;
    const auto head = sandbox::frame_header(type, size);
    out.append(head.data(), head.size());
  }
  out += stamp;
  if (space) out += ' ';
  out += record.text;
  if (!record.partial) out += '\n';
}

Result<> send_log(control::LogReader& reader, LogLines& lines, const LogSink& sink) {
  std::string out;
  while (const auto record = TRY(reader.next())) {
    lines.append(out, *record);
    if (out.size() < kFlush) continue;
    TRY(sink(out));
    out.clear();
  }
  return out.empty() ? Result<>() : sink(out);
}

bool log_complete(const api::Workload& workload) {
  switch (workload.status.phase) {
    case api::Phase::stopped:
    case api::Phase::failed:
    case api::Phase::removing: return true;
    case api::Phase::pending:
    case api::Phase::creating:
    case api::Phase::created:
    case api::Phase::starting:
    case api::Phase::running:
    case api::Phase::paused:
    case api::Phase::stopping:
    case api::Phase::restarting: return false;
  }
  return false;
}

Result<LogStream> LogStream::open(control::Engine& engine, const api::Workload& workload, const LogRequest& request) {
  const auto key = control::workload_key(workload.metadata.uid);
  std::unique_ptr<store::Watch> watch;
  if (request.follow) watch = TRY(engine.objects().store().watch(key, workload.metadata.revision + 1));
  auto reader = TRY(control::LogReader::open(engine.sandbox(workload).log_directory(WorkloadId(workload.metadata.uid)), request.selection));
  return LogStream(std::move(reader), std::move(watch), request, log_complete(workload));
}

Result<> LogStream::run(const StopSource& stop, const Interest& client, const LogSink& sink) {
  for (;;) {
    TRY(send_log(reader_, lines_, sink));
    if (!follow_ || complete_ || reader_.past_until()) return {};
    const auto ready = wait_any(stop, Deadline::never(), {{reader_.fd(), POLLIN}, {watch_->fd(), POLLIN}, client});
    if (!ready || *ready == 2) return {};
    TRY(reader_.changed());
    if (*ready == 1)
      for (const auto& event : TRY(watch_->next()))
        complete_ = event.type == store::Event::Type::removed || log_complete(TRY(control::decode_workload(event.record)));
  }
}

}  // namespace fulcrum::server
