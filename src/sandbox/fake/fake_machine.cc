#include <sys/eventfd.h>
#include <sys/socket.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <utility>

#include "base/sys.h"
#include "base/units.h"
#include "sandbox/fake/fake_sandbox.h"
#include "sandbox/stream/frame.h"

namespace fulcrum::sandbox {
namespace {

const std::string* annotation(const Plan& plan, const std::string& name) {
  const auto found = plan.spec.annotations.find("fake/" + name);
  return found == plan.spec.annotations.end() ? nullptr : &found->second;
}

void tick(const UniqueFd& event) {
  const std::uint64_t one = 1;
  (void)!::write(event.get(), &one, sizeof one);
}

// A client that went away is no concern of the fake.
void deliver(int fd, std::string_view bytes) { (void)!::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL); }

void deliver_output(int fd, const StreamFormat& format, std::string_view text) {
  if (!format.stdout_open || text.empty()) return;
  deliver(fd, format.framed_output ? make_frame(FrameType::output, text) : std::string(text));
}

void deliver_exit(int fd, const StreamFormat& format, int code, int signal, bool oom) {
  if (format.exit_frame) deliver(fd, make_frame(FrameType::exit, exit_payload(code, signal, oom)));
}

}  // namespace

FakeMachine::FakeMachine(std::string directory, const Clock& clock)
    : directory_(std::move(directory)),
      clock_(clock),
      timers_changed_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      timers_([this] { run_timers(); }) {}

FakeMachine::~FakeMachine() { stop_.request_stop(); }

void FakeMachine::exit(const WorkloadId& id, int code, int signal, bool oom_killed) {
  const std::lock_guard lock(mutex_);
  if (const auto found = entries_.find(id); found != entries_.end()) end_entry(found->second, code, signal, oom_killed);
}

void FakeMachine::lose(const WorkloadId& id) {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(id);
  if (found == entries_.end()) return;
  tick(found->second.ended);
  entries_.erase(found);
}

void FakeMachine::fail_next(const std::string& operation, Error error, int times) {
  const std::lock_guard lock(mutex_);
  for (int i = 0; i < times; ++i) failures_[operation].push_back(error);
}

void FakeMachine::set_exec_exit_code(int code) {
  const std::lock_guard lock(mutex_);
  exec_exit_code_ = code;
}

std::vector<std::string> FakeMachine::calls() const {
  const std::lock_guard lock(mutex_);
  return calls_;
}

Result<> FakeMachine::enter(const std::string& operation, const std::string& call) {
  if (!call.empty()) calls_.push_back(call);
  auto& errors = failures_[operation];
  if (errors.empty()) return {};
  auto error = errors.front();
  errors.erase(errors.begin());
  return std::unexpected(std::move(error));
}

Result<FakeMachine::Entry*> FakeMachine::find(const WorkloadId& id, bool running) {
  const auto found = entries_.find(id);
  if (found == entries_.end()) return fail(Code::not_found, "workload {} has no sandbox", id.str());
  auto& entry = found->second;
  if (running && entry.state != State::running && entry.state != State::paused) {
    return fail(Code::failed_precondition, "workload {} does not run", id.str());
  }
  return &entry;
}

void FakeMachine::start_entry(Entry& entry) {
  entry.state = State::running;
  entry.started = clock_.now();
  if (const auto* text = annotation(entry.plan, "output")) print(entry, *text);
  const auto* run_for = annotation(entry.plan, "run-for");
  if (run_for == nullptr) return;
  const auto duration = parse_duration(*run_for);
  FULCRUM_ASSERT(duration.has_value());
  entry.ends_at = std::chrono::steady_clock::now() + *duration;
  tick(timers_changed_);
}

void FakeMachine::end_entry(Entry& entry, int code, int signal, bool oom_killed) {
  if (entry.state != State::running && entry.state != State::paused && entry.state != State::created) return;
  entry.state = State::stopped;
  entry.pid = 0;
  entry.ends_at.reset();
  entry.exit = Exit{.run = entry.plan.run,
                    .code = signal != 0 ? 128 + signal : code,
                    .signal = signal,
                    .oom_killed = oom_killed,
                    .finished = clock_.now()};
  for (auto& [id, exec] : entry.execs) end_exec(exec, 137);
  for (const auto& client : entry.clients) deliver_exit(client.fd.get(), client.format, entry.exit->code, signal, oom_killed);
  entry.clients.clear();
  tick(entry.ended);
}

void FakeMachine::end_exec(Exec& exec, int code) {
  if (!exec.state.running) return;
  exec.state.running = false;
  exec.state.exit_code = code;
  for (const auto& client : exec.clients) deliver_exit(client.fd.get(), client.format, code, 0, false);
  exec.clients.clear();
  tick(exec.ended);
}

void FakeMachine::print(Entry& entry, std::string_view text) {
  const auto folder = directory_ + "/" + entry.plan.id.str() + "/logs";
  if (!sys::make_directories(folder)) return;
  std::string lines;
  for (std::size_t at = 0; at < text.size();) {
    const auto end = text.find('\n', at);
    const bool full = end != std::string_view::npos;
    lines += format_time(clock_.now()) + (full ? " stdout F " : " stdout P ");
    lines += text.substr(at, full ? end - at : text.size() - at);
    lines += '\n';
    at = full ? end + 1 : text.size();
  }
  if (const auto log = sys::open(folder + "/log", O_WRONLY | O_APPEND | O_CREAT, 0640)) (void)sys::write_all(log->get(), lines);
  for (const auto& client : entry.clients) deliver_output(client.fd.get(), client.format, text);
}

void FakeMachine::run_timers() {
  for (;;) {
    Deadline next;
    {
      const std::lock_guard lock(mutex_);
      for (auto& [id, entry] : entries_) {
        if (!entry.ends_at) continue;
        const Deadline mine(*entry.ends_at);
        if (!mine.passed()) {
          next = Deadline::earlier(next, mine);
          continue;
        }
        const auto* code = annotation(entry.plan, "exit-code");
        const bool oom = annotation(entry.plan, "oom") != nullptr;
        end_entry(entry, code != nullptr ? std::atoi(code->c_str()) : 0, oom ? SIGKILL : 0, oom);
      }
    }
    const auto ready = wait_any(stop_, next, {{timers_changed_.get(), POLLIN}});
    if (!ready && ready.error().code == Code::cancelled) return;
    std::uint64_t count = 0;
    if (ready) (void)!::read(timers_changed_.get(), &count, sizeof count);
  }
}

}  // namespace fulcrum::sandbox
