// What a shim is asked for.
#include <unistd.h>

#include <algorithm>
#include <csignal>

#include "base/sys.h"
#include "sandbox/shim/runtime_error.h"
#include "sandbox/shim/shim.h"

namespace fulcrum::sandbox::shim {
namespace {

constexpr std::size_t kMaxExecs = 1024;    // at a time
constexpr std::size_t kMaxWaiting = 64;    // requests during creation
constexpr std::size_t kMaxFinished = 256;  // whose exit codes are kept

Result<> check_signal(int signo) {
  if (signo < 0 || signo > SIGRTMAX) return fail(Code::invalid_argument, "{} is not a signal", signo);
  return {};
}

}  // namespace

Reply Shim::error_reply(const Error& error) { return {.code = error.code, .ok = false, .message = error.message}; }

std::optional<Reply> Shim::handle(std::uint64_t connection, const Request& request, std::vector<UniqueFd> fds) {
  if (state_ == RunState::creating && ending_ == Ending::no && fds.empty() && waiting_.size() < kMaxWaiting) {
    waiting_.emplace_back(connection, request);  // answered by created()
    return std::nullopt;
  }
  const auto answer = [this](const Result<>& result) { return result ? status_reply() : error_reply(result.error()); };
  if (!request.exec_id.empty() && request.type != Type::exec) {
    auto reply = of_exec(connection, request);
    return reply ? *reply : error_reply(reply.error());
  }
  switch (request.type) {
    case Type::status: return status_reply();
    case Type::start:
      if (state_ == RunState::running) return status_reply();
      if (state_ != RunState::created || ending_ != Ending::no)
        return answer(fail(Code::failed_precondition, "it is not waiting to be started"));
      start_waiting(connection);
      return std::nullopt;
    case Type::attach: return answer(attach(request, std::move(fds)));
    case Type::exec: {
      const auto begun = begin_exec(connection, request, std::move(fds));
      if (!begun) {
        execs_.erase(begun.error().code == Code::already_exists ? std::string() : request.exec_id);
        return error_reply(begun.error());
      }
      return std::nullopt;
    }
    case Type::resize: return answer(streams_.resize({request.height, request.width}));
    case Type::signal: {
      const auto good = check_signal(request.signal);
      if (good && pid_ == 0) return answer(fail(Code::failed_precondition, "it does not run"));
      if (good) send_signal(pid_, request.signal);
      return answer(good);
    }
    case Type::watch: server_.add_watcher(connection, {}); return status_reply();
    case Type::reopen_logs: log_.reopen(); return status_reply();
  }
  return answer(fail(Code::unimplemented, "unknown request"));
}

Result<> Shim::attach(const Request& request, std::vector<UniqueFd> fds) {
  if (fds.size() != 1) return fail(Code::invalid_argument, "attach: one descriptor is needed");
  if (state_ != RunState::created && state_ != RunState::running) return fail(Code::failed_precondition, "attach: it does not run");
  if ((request.format & kStdin) != 0 && !options_.input && !options_.tty) {
    auto without = request;
    without.format &= static_cast<std::uint16_t>(~kStdin);
    return streams_.attach(std::move(fds[0]), without);
  }
  return streams_.attach(std::move(fds[0]), request);
}

Result<Reply> Shim::of_exec(std::uint64_t connection, const Request& request) {
  const auto found = execs_.find(request.exec_id);
  if (found == execs_.end()) return fail(Code::not_found, "no such exec: {}", request.exec_id);
  auto& exec = *found->second;
  const bool running = exec.pid != 0 && !exec.exit;
  if (request.type == Type::status) {
    return Reply{.ok = true,
                 .state = running     ? RunState::running
                          : exec.exit ? RunState::stopped
                                      : RunState::creating,
                 .run = options_.run,
                 .pid = exec.pid,
                 .exit_code = exec.exit ? exec.exit->shell_code() : 0};
  }
  if (!running) return fail(Code::failed_precondition, "exec {} does not run", exec.id);
  if (request.type == Type::resize) {
    TRY(exec.streams->resize({request.height, request.width}));
  } else if (request.type == Type::signal) {
    TRY(check_signal(request.signal));
    send_signal(exec.pid, request.signal);
  } else if (request.type == Type::watch) {
    server_.add_watcher(connection, exec.id);
  } else {
    return fail(Code::unimplemented, "no such request for an exec");
  }
  return status_reply();
}

Result<> Shim::begin_exec(std::uint64_t connection, const Request& request, std::vector<UniqueFd> fds) {
  const auto& id = request.exec_id;
  if (id.empty() || execs_.contains(id)) return fail(Code::already_exists, "exec \"{}\" exists", id);
  if (state_ != RunState::running || ending_ != Ending::no) return fail(Code::failed_precondition, "exec: it does not run");
  if (execs_.size() >= kMaxExecs) return fail(Code::resource_exhausted, "exec: {} run already", kMaxExecs);
  if (fds.size() > 1) return fail(Code::invalid_argument, "exec: one descriptor at most");
  auto& exec = *execs_.emplace(id, std::make_unique<Exec>()).first->second;
  exec.id = id;
  exec.streams =
      std::make_unique<Streams>(loop_, nullptr, true, [this, &exec](int signo) { send_signal(exec.exit ? 0 : exec.pid, signo); });
  std::vector<std::string> words{"exec", "--detach", "--process", request.path, "--pid-file", in_directory("exec-" + id + ".pid")};
  const bool client = !fds.empty();
  const bool input = client && (request.format & kStdin) != 0;
  ChildEnds ends;
  if (request.tty) {
    exec.console = TRY(ConsoleSocket::listen(loop_, in_directory("exec-" + id + ".sock"), [&exec, input](UniqueFd master) {
      (void)exec.streams->take_terminal(std::move(master), input);
    }));
    words.insert(words.end(), {"--console-socket", exec.console->path()});
  } else {
    ends = TRY(exec.streams->make_pipes(input));  // without a client what it prints is read all the same, and dropped
  }
  words.push_back(options_.id);
  helpers_.push_back(
      TRY(Helper::start(loop_, runtime_command(std::move(words)), request.tty ? nullptr : &ends,
                        [this, id, connection, request = request, fd = std::make_shared<UniqueFd>(client ? std::move(fds[0]) : UniqueFd())](
                            ExitStatus status, const std::string& text) { exec_begun(id, connection, request, *fd, status, text); })));
  return {};
}

void Shim::exec_begun(const std::string& id, std::uint64_t connection, const Request& request, UniqueFd& client, ExitStatus status,
                      const std::string& text) {
  const auto found = execs_.find(id);
  if (found == execs_.end()) return;
  auto& exec = *found->second;
  if (exec.console) exec.console->poll();
  exec.console.reset();
  const auto pid_file = in_directory("exec-" + id + ".pid");
  const auto pid = read_pid(pid_file);
  ::unlink(pid_file.c_str());
  ::unlink(request.path.c_str());
  if (!status.ok() || pid <= 0) {
    const auto error = runtime_error(text.empty() ? exec.streams->take_error_text() : text);
    execs_.erase(found);
    return server_.answer(connection, error_reply(error));
  }
  exec.pid = pid;
  if (client.valid()) (void)exec.streams->attach(std::move(client), request);
  (void)exec.streams->begin();
  server_.answer(connection, {.ok = true, .state = RunState::running, .run = options_.run, .pid = pid});
  claim_early_ends();
}

void Shim::exec_ended(Exec& exec, ExitStatus status) {
  exec.exit = status;
  exec.streams->drain();
  replace_file(in_directory("exec-" + exec.id + ".json"),
               fmt::format("{{\"id\":\"{}\",\"pid\":{},\"exitCode\":{}}}\n", exec.id, exec.pid, status.shell_code()));
  remember_exec(exec.id);
  server_.answer_watchers(exec.id, {.ok = true, .state = RunState::stopped, .run = options_.run, .exit_code = status.shell_code()});
  exec.streams->finish(exit_payload(status.shell_code(), status.signal, false));
}

void Shim::remember_exec(const std::string& id) {
  finished_execs_.push_back(id);
  if (finished_execs_.size() <= kMaxFinished) return;
  ::unlink(in_directory("exec-" + finished_execs_.front() + ".json").c_str());
  finished_execs_.pop_front();
}

}  // namespace fulcrum::sandbox::shim
