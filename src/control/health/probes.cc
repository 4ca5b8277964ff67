// The three kinds of probe. Commands run through the sandbox's exec; connections are made from within the workload's own network
// namespace, so that internal networks and workloads without a network can be asked, too.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <sys/socket.h>

#include <charconv>
#include <cstring>
#include <thread>

#include "base/sys.h"
#include "control/health/health.h"
#include "sandbox/stream/frame.h"

namespace fulcrum::control {

namespace {

constexpr std::size_t kMaxOutput = 4096;
constexpr std::size_t kMaxStatusLine = 4096;

struct Answer {
  int exit_code = 1;
  std::string output;
};

/// Reads output frames until the exit or error frame.
class ExecReader {
 public:
  explicit ExecReader(int fd) : fd_(fd) {}

  Result<Answer> run(const StopSource& stop, const Deadline& deadline) {
    char buffer[16 << 10];
    for (;;) {
      TRY(wait_any(stop, deadline, {{fd_, POLLIN}}));
      const auto got = ::recv(fd_, buffer, sizeof buffer, MSG_DONTWAIT);
      if (got < 0 && (errno == EAGAIN || errno == EINTR)) continue;
      if (got <= 0) return Answer{.exit_code = 1, .output = answer_.output + "the probe's stream ended early"};
      pending_.append(buffer, static_cast<std::size_t>(got));
      if (auto done = TRY(take_frames())) return std::move(*done);
    }
  }

 private:
  Result<std::optional<Answer>> take_frames() {
    while (pending_.size() >= sandbox::kFrameHeader) {
      const auto header = sandbox::parse_frame_header(pending_);
      if (!header) return fail(Code::internal, "the probe's stream is broken");
      if (pending_.size() < sandbox::kFrameHeader + header->length) break;
      const std::string payload = pending_.substr(sandbox::kFrameHeader, header->length);
      pending_.erase(0, sandbox::kFrameHeader + header->length);
      if (header->type == sandbox::FrameType::exit) {
        answer_.exit_code = exit_code(payload);
        return std::move(answer_);
      }
      if (header->type == sandbox::FrameType::error) {
        answer_.output += payload;
        return std::move(answer_);
      }
      if (answer_.output.size() < kMaxOutput) answer_.output.append(payload, 0, kMaxOutput - answer_.output.size());
    }
    return std::optional<Answer>();
  }

  /// {"exitCode":N,…}
  static int exit_code(std::string_view payload) {
    constexpr std::string_view kName = "\"exitCode\":";
    const auto at = payload.find(kName);
    int code = 1;
    if (at != std::string_view::npos) std::from_chars(payload.data() + at + kName.size(), payload.data() + payload.size(), code);
    return code;
  }

  int fd_;
  std::string pending_;
  Answer answer_;
};

Result<Answer> run_command(const Check& check, const api::Workload& workload, sandbox::Sandbox& sandbox, const StopSource& stop) {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) return fail_errno(errno, "socketpair");
  UniqueFd ours(ends[0]);
  UniqueFd theirs(ends[1]);
  const WorkloadId id(workload.metadata.uid);
  const std::string exec_id = "health-" + sys::random_hex(6);
  const api::ExecSpec spec{.command = {check.command}};
  const sandbox::StreamFormat format{.framed_input = true, .framed_output = true, .exit_frame = true};
  TRY(sandbox.exec(id, exec_id, spec, std::move(theirs), format));
  auto answer = ExecReader(ours.get()).run(stop, Deadline::in(check.timeout));
  if (!answer) (void)sandbox.exec_signal(id, exec_id, SIGKILL);
  return answer;
}

/// A TCP socket in a network namespace. A thread of its own enters it and ends: no other thread ever leaves the daemon's namespace.
Result<UniqueFd> socket_in(const UniqueFd& netns, int family) {
  Result<UniqueFd> made = fail(Code::internal, "no socket was made");
  std::thread([&] {
    if (netns.valid() && ::setns(netns.get(), CLONE_NEWNET) != 0) {
      made = fail_errno(errno, "enter the workload's network namespace");
      return;
    }
    const int fd = ::socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
      made = fail_errno(errno, "socket");
    } else {
      made = UniqueFd(fd);
    }
  }).join();
  return made;
}

Result<UniqueFd> connect_to(const Check& check, const api::Workload& workload, sandbox::Sandbox& sandbox, const StopSource& stop,
                            const Deadline& deadline) {
  UniqueFd netns;
  if (workload.spec.network != "host") netns = TRY(sandbox.network_namespace(WorkloadId(workload.metadata.uid)));
  const std::string ip =
      workload.status.networks.empty() || workload.status.networks.front().ip.empty() ? "127.0.0.1" : workload.status.networks.front().ip;
  auto socket = TRY(socket_in(netns, AF_INET));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(check.port);
  if (::inet_pton(AF_INET, ip.c_str(), &address.sin_addr) != 1) return fail(Code::internal, "\"{}\" is no address", ip);
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 && errno != EINPROGRESS)
    return fail_errno(errno, "connect to {}:{}", ip, check.port);
  TRY(wait_any(stop, deadline, {{socket.get(), POLLOUT}}));
  int error = 0;
  socklen_t size = sizeof error;
  if (::getsockopt(socket.get(), SOL_SOCKET, SO_ERROR, &error, &size) != 0) error = errno;
  if (error != 0) return fail_errno(error, "connect to {}:{}", ip, check.port);
  return socket;
}

Result<Answer> ask_tcp(const Check& check, const api::Workload& workload, sandbox::Sandbox& sandbox, const StopSource& stop) {
  TRY(connect_to(check, workload, sandbox, stop, Deadline::in(check.timeout)));
  return Answer{.exit_code = 0, .output = fmt::format("connected to port {}", check.port)};
}

Result<Answer> ask_http(const Check& check, const api::Workload& workload, sandbox::Sandbox& sandbox, const StopSource& stop) {
  const auto deadline = Deadline::in(check.timeout);
  const auto socket = TRY(connect_to(check, workload, sandbox, stop, deadline));
  const auto request = fmt::format("GET {} HTTP/1.0\r\nHost: localhost:{}\r\nUser-Agent: fulcrum-health\r\nConnection: close\r\n\r\n",
                                   check.path, check.port);
  if (::send(socket.get(), request.data(), request.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(request.size()))
    return fail_errno(errno, "send the request");
  std::string line;
  while (line.find('\n') == std::string::npos && line.size() < kMaxStatusLine) {
    TRY(wait_any(stop, deadline, {{socket.get(), POLLIN}}));
    char buffer[1024];
    const auto got = ::recv(socket.get(), buffer, sizeof buffer, 0);
    if (got < 0 && errno == EAGAIN) continue;
    if (got <= 0) return fail(Code::unavailable, "the connection was closed without an answer");
    line.append(buffer, static_cast<std::size_t>(got));
  }
  line.resize(std::min(line.size(), line.find_first_of("\r\n")));
  int status = 0;
  const auto space = line.find(' ');
  if (!line.starts_with("HTTP/") || space == std::string::npos) return fail(Code::unavailable, "the answer is no HTTP");
  std::from_chars(line.data() + space + 1, line.data() + line.size(), status);
  return Answer{.exit_code = status >= 200 && status < 400 ? 0 : 1, .output = line};
}

Result<Answer> ask(const Check& check, const api::Workload& workload, sandbox::Sandbox& sandbox, const StopSource& stop) {
  switch (check.kind) {
    case Check::Kind::command: return run_command(check, workload, sandbox, stop);
    case Check::Kind::http: return ask_http(check, workload, sandbox, stop);
    case Check::Kind::tcp: return ask_tcp(check, workload, sandbox, stop);
  }
  return fail(Code::internal, "unknown kind of probe");
}

}  // namespace

api::HealthResult probe(const Check& check, const api::Workload& workload, sandbox::Sandbox& sandbox, const Clock& clock,
                        const StopSource& stop) {
  api::HealthResult result{.start = clock.now()};
  auto answer = ask(check, workload, sandbox, stop);
  result.end = clock.now();
  if (answer) {
    result.exit_code = answer->exit_code;
    result.output = answer->output.substr(0, kMaxOutput);
  } else if (answer.error().code == Code::deadline_exceeded) {
    result.exit_code = -1;
    result.output = fmt::format("health check exceeded its timeout of {}", format_duration(check.timeout));
  } else {
    result.exit_code = 1;
    result.output = answer.error().message.substr(0, kMaxOutput);
  }
  return result;
}

}  // namespace fulcrum::control
