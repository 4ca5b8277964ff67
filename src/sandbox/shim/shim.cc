#include "sandbox/shim/shim.h"

#include <fcntl.h>
#include <linux/mount.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <csignal>
#include <cstdio>

#include "base/sys.h"
#include "base/units.h"
#include "os/mount.h"
#include "sandbox/shim/connection.h"
#include "sandbox/shim/runtime_error.h"

namespace fulcrum::sandbox::shim {
namespace {

std::int64_t now_ns() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::system_clock::now().time_since_epoch()).count();
}

// The count in a line "oom_kill N" of a cgroup file; 0 when there is none.
std::uint64_t oom_kills(const std::string& path) {
  if (path.empty()) return 0;
  const auto text = sys::read_file(path, 4096);
  if (!text) return 0;
  constexpr std::string_view kWord = "oom_kill ";
  const auto at = text->find(kWord);
  if (at == std::string::npos) return 0;
  std::uint64_t count = 0;
  std::from_chars(text->data() + at + kWord.size(), text->data() + text->size(), count);
  return count;
}

}  // namespace

class Shim::Children final : public Source {
 public:
  explicit Children(Shim& shim) : shim_(shim) {}
  void ready(std::uint32_t) override { shim_.reap(); }

 private:
  Shim& shim_;
};

Shim::Shim(Options options, Loop loop, LogWriter log, UniqueFd report)
    : options_(std::move(options)),
      loop_(std::move(loop)),
      log_(std::move(log)),
      report_(std::move(report)),
      children_(std::make_unique<Children>(*this)),
      server_(loop_, *this),
      streams_(loop_, &log_, options_.input_once, [this](int signo) { send_signal(pid_, signo); }) {}

Shim::~Shim() = default;

namespace {
/// A descriptor of the program on a detached read-only mount, above the numbers that children's streams get; invalid where this cannot be
/// had (an old kernel, no privilege): the runtime then seals itself each time that it is started.
UniqueFd seal(const std::string& program) {
  constexpr int kAboveStreams = 64;
  auto view = os::clone_tree(AT_FDCWD, program, false);
  if (!view || !os::set_attributes(view->get(), {.set = MOUNT_ATTR_RDONLY}, false)) return {};
  return UniqueFd(::fcntl(view->get(), F_DUPFD_CLOEXEC, kAboveStreams));
}
}  // namespace

Result<std::unique_ptr<Shim>> Shim::make(Options options, UniqueFd report) {
  auto loop = TRY(Loop::make());
  auto log = TRY(LogWriter::open({.directory = options.log_directory, .max_size = options.log_size, .max_files = options.log_files}));
  std::unique_ptr<Shim> shim(new Shim(std::move(options), std::move(loop), std::move(log), std::move(report)));
  if (::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) < 0) return fail_errno(errno, "become a subreaper");
  sigset_t set;
  ::sigfillset(&set);
  ::sigprocmask(SIG_SETMASK, &set, nullptr);  // SIGTERM and the like are not for us: the daemon's service may be stopped, containers stay
  ::sigemptyset(&set);
  ::sigaddset(&set, SIGCHLD);
  shim->signals_ = UniqueFd(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!shim->signals_.valid()) return fail_errno(errno, "make a signal descriptor");
  TRY(shim->loop_.add(shim->signals_.get(), EPOLLIN, shim->children_.get()));
  TRY(shim->server_.listen(shim->in_directory("shim.sock")));
  shim->sealed_runtime_ = seal(shim->options_.runtime);
  TRY(shim->create());
  return shim;
}

void Shim::run() {
  while (ending_ != Ending::done || !idle()) loop_.turn(turn_timeout());
}

bool Shim::idle() const {
  return streams_.idle() && std::ranges::all_of(execs_, [](const auto& entry) { return entry.second->streams == nullptr; });
}

int Shim::turn_timeout() {
  auto next = streams_.cut_stalled();
  for (auto it = execs_.begin(); it != execs_.end();) {
    auto& exec = *it->second;
    if (exec.streams) {
      const auto at = exec.streams->cut_stalled();
      if (at && (!next || *at < *next)) next = at;
    }
    if (exec.exit && exec.streams && exec.streams->idle()) {
      it = execs_.erase(it);
    } else {
      ++it;
    }
  }
  if (ending_ == Ending::done && idle()) return 0;
  if (!next) return -1;
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(*next - std::chrono::steady_clock::now()).count();
  return static_cast<int>(std::clamp<std::int64_t>(left + 1, 0, 60'000));
}

Command Shim::runtime_command(std::vector<std::string> words) const {
  std::vector<std::string> argv{options_.runtime, "--root", options_.runtime_root, "--log", in_directory("runtime.log")};
  argv.insert(argv.end(), std::make_move_iterator(words.begin()), std::make_move_iterator(words.end()));
  return {.argv = std::move(argv),
          .program = sealed_runtime_.valid() ? fmt::format("/proc/self/fd/{}", sealed_runtime_.get()) : std::string()};
}

Result<> Shim::create() {
  std::vector<std::string> words{"create", "--bundle", options_.directory, "--pid-file", in_directory("pid")};
  ChildEnds ends;
  if (options_.tty) {
    console_ = TRY(ConsoleSocket::listen(loop_, in_directory("console.sock"),
                                         [this](UniqueFd master) { (void)streams_.take_terminal(std::move(master), options_.input); }));
    words.insert(words.end(), {"--console-socket", console_->path()});
  } else {
    ends = TRY(streams_.make_pipes(options_.input));
  }
  words.push_back(options_.id);
  helpers_.push_back(TRY(Helper::start(loop_, runtime_command(std::move(words)), options_.tty ? nullptr : &ends,
                                       [this](ExitStatus status, const std::string& text) { created(status, text); })));
  return {};
}

void Shim::created(ExitStatus status, const std::string& text) {
  if (console_) console_->poll();
  console_.reset();
  std::string report = "ok";
  const auto pid = read_pid(in_directory("pid"));
  if (status.ok() && pid > 0) {
    pid_ = pid;
    state_ = RunState::created;
    (void)streams_.begin();
  } else {
    report = "error " + (options_.tty ? text : streams_.take_error_text());
    ending_ = Ending::done;
    server_.close();
  }
  (void)sys::write_all(report_.get(), report);
  report_.reset();
  for (const auto& [connection, request] : std::exchange(waiting_, {})) {
    if (const auto reply = handle(connection, request, {})) server_.answer(connection, *reply);
  }
  claim_early_ends();
}

pid_t Shim::read_pid(const std::string& path) {
  const auto text = sys::read_file(path, 32);
  pid_t pid = 0;
  if (text) std::from_chars(text->data(), text->data() + text->size(), pid);
  return pid;
}

void Shim::send_signal(pid_t pid, int signo) const {
  // Nobody else reaps this child, so that its number cannot have been given away.
  if (pid > 0 && signo > 0 && signo <= SIGRTMAX) ::kill(pid, signo);
}

void Shim::reap() {
  signalfd_siginfo info;
  while (::read(signals_.get(), &info, sizeof info) > 0) {
  }
  int status = 0;
  for (pid_t pid; (pid = ::waitpid(-1, &status, WNOHANG)) > 0;) child_ended(pid, status);
  advance_end();
}

void Shim::child_ended(pid_t pid, int status) {
  const auto helper = std::ranges::find_if(helpers_, [&](const auto& one) { return one->pid() == pid; });
  if (helper != helpers_.end()) {
    const auto ended = std::move(*helper);
    helpers_.erase(helper);
    return ended->ended(status);
  }
  if (pid == pid_) {
    exit_ = ExitStatus::from_wait_status(status);
    pid_ = 0;
    ending_ = Ending::first_gone;
    return;
  }
  for (auto& [id, exec] : execs_) {
    if (exec->pid == pid) return exec_ended(*exec, ExitStatus::from_wait_status(status));
  }
  // Somebody's orphan, or a child whose pid file will be read when its helper has ended.
  if (!helpers_.empty()) unclaimed_.emplace_back(pid, status);
}

void Shim::claim_early_ends() {
  auto early = std::exchange(unclaimed_, {});
  for (const auto& [pid, status] : early) child_ended(pid, status);
}

void Shim::start_waiting(std::uint64_t connection) {
  start_waiters_.push_back(connection);
  if (start_waiters_.size() > 1) return;
  const auto asked = now_ns();
  auto helper =
      Helper::start(loop_, runtime_command({"start", options_.id}), nullptr, [this, asked](ExitStatus status, const std::string& text) {
        Reply reply;
        if (status.ok()) {
          started_ns_ = asked;
          state_ = RunState::running;
          reply = status_reply();
        } else {
          const auto error = runtime_error(text);
          error_ = error.message;
          error_code_ = error.code;
          reply = error_reply(error);
        }
        for (const auto waiter : std::exchange(start_waiters_, {})) server_.answer(waiter, reply);
      });
  if (helper) {
    helpers_.push_back(std::move(*helper));
    return;
  }
  for (const auto waiter : std::exchange(start_waiters_, {})) server_.answer(waiter, error_reply(helper.error()));
}

void Shim::advance_end() {
  if (ending_ == Ending::no || ending_ == Ending::done || !helpers_.empty()) return;
  const auto remove = [this](Ending then) {
    auto helper =
        Helper::start(loop_, runtime_command({"delete", "--force", options_.id}), nullptr, [this, then](ExitStatus, const std::string&) {
          ending_ = then;
          if (then == Ending::rest_killed) publish_end();
          if (ending_ == Ending::published) ending_ = Ending::done;
          if (ending_ == Ending::done) server_.close();
        });
    if (helper) {
      helpers_.push_back(std::move(*helper));
    } else {  // out of processes or memory: the daemon finds the remains
      if (then == Ending::rest_killed) publish_end();
      ending_ = Ending::done;
      server_.close();
    }
  };
  if (ending_ != Ending::first_gone) return;
  oom_killed_ = oom_kills(options_.oom_file) > 0 && exit_.shell_code() != 0;
  if (options_.shared_pid) {
    ending_ = Ending::deleting;
    return remove(Ending::rest_killed);
  }
  publish_end();
  ending_ = Ending::deleting;
  remove(Ending::done);
}

void Shim::publish_end() {
  streams_.drain();
  finished_ns_ = now_ns();
  state_ = RunState::stopped;
  ending_ = Ending::published;
  int code = exit_.shell_code();
  if (!error_.empty()) code = error_code_ == Code::not_found ? 127 : error_code_ == Code::permission_denied ? 126 : code;
  exit_code_ = code;
  const auto text = fmt::format(R"({{"run":{},"code":{},"signal":{},"oomKilled":{},"started":"{}","finished":"{}","error":{}}})"
                                "\n",
                                options_.run, code, exit_.signal, oom_killed_,
                                started_ns_ == 0 ? "" : format_time(Time{std::chrono::nanoseconds(started_ns_)}),
                                format_time(Time{std::chrono::nanoseconds(finished_ns_)}), json_string(error_));
  if (!replace_file(options_.state + "/exit.json", text)) replace_file(in_directory("exit.json"), text);
  server_.answer_watchers({}, status_reply());
  const auto payload = exit_payload(code, exit_.signal, oom_killed_);
  for (auto& [id, exec] : execs_) {
    if (!exec->exit) exec_ended(*exec, ExitStatus{.code = 0, .signal = SIGKILL});
  }
  streams_.finish(payload);
}

// Not synced: after a power loss there is no run whose end could be told.
bool Shim::replace_file(const std::string& path, std::string_view text) {
  const auto aside = path + ".new";
  {
    const auto file = sys::open(aside, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0600);
    if (!file || !sys::write_all(file->get(), text)) {
      ::unlink(aside.c_str());
      return false;
    }
  }
  return ::rename(aside.c_str(), path.c_str()) == 0;
}

Reply Shim::status_reply() const {
  return {.code = Code::unknown,
          .ok = true,
          .state = state_,
          .run = options_.run,
          .pid = pid_,
          .started_ns = started_ns_,
          .finished_ns = finished_ns_,
          .exit_code = exit_code_,
          .exit_signal = exit_.signal,
          .oom_killed = oom_killed_};
}

}  // namespace fulcrum::sandbox::shim
