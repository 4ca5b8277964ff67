// A sandbox without processes: what its workloads do is written in their annotations, or done by the test.
//
//   fake/run-for         duration after which the program ends by itself; "0s": at once. Absent: it runs until signalled
//   fake/exit-code       of a program that ends by itself (default 0)
//   fake/oom             "true": it ends by the OOM killer instead
//   fake/output          what it prints on standard output when it starts
//   fake/ignore-signals  numbers, separated by commas, that do not end it
//   fake/fail-create     code of the error that create() gives ("not_found"); fake/fail-start the same for start()
//   fake/exec-exit-code, fake/exec-output   of every exec
//   fake/exec-run-for    "forever": an exec runs until signalled; absent: it ends at once
#pragma once

#include <chrono>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "sandbox/sandbox.h"

namespace fulcrum::sandbox {

/// What FakeSandboxes hold. Give one machine to a second FakeSandbox and it finds what the first left, as after a daemon's restart.
/// Thread-safe.
class FakeMachine {
 public:
  /// Logs and written files go below `directory`.
  explicit FakeMachine(std::string directory, const Clock& clock = Clock::system());
  FakeMachine(const FakeMachine&) = delete;
  FakeMachine& operator=(const FakeMachine&) = delete;
  ~FakeMachine();

  /// Ends a running workload as if by itself.
  void exit(const WorkloadId& id, int code, int signal = 0, bool oom_killed = false);
  /// Everything of it disappears, as when the machine was switched off: state absent.
  void lose(const WorkloadId& id);
  /// The next `times` calls of an operation ("create", "start", "signal", "remove", …) fail.
  void fail_next(const std::string& operation, Error error, int times = 1);
  /// Exit code of execs from now on (health checks).
  void set_exec_exit_code(int code);
  /// Every call that changed something, in order: "create web 1", "start web", "signal web 15", "remove web".
  std::vector<std::string> calls() const;

 private:
  friend class FakeSandbox;
  struct Client {
    UniqueFd fd;
    StreamFormat format;
  };
  struct Exec {
    ExecState state;
    std::vector<Client> clients;
    UniqueFd ended;  // eventfd
  };
  struct Entry {
    Plan plan;
    State state = State::absent;
    std::int64_t pid = 0;
    std::optional<Time> started;
    std::optional<Exit> exit;
    std::map<std::string, Exec> execs;
    std::vector<Client> clients;
    UniqueFd ended;  // eventfd
    UniqueFd network;
    std::optional<std::chrono::steady_clock::time_point> ends_at;
    api::Resources resources;
  };

  [[nodiscard]] Result<> enter(const std::string& operation, const std::string& call);
  [[nodiscard]] Result<Entry*> find(const WorkloadId& id, bool running);
  void start_entry(Entry& entry);
  void end_entry(Entry& entry, int code, int signal, bool oom_killed);
  void end_exec(Exec& exec, int code);
  void print(Entry& entry, std::string_view text);
  void run_timers();

  const std::string directory_;
  const Clock& clock_;
  mutable std::mutex mutex_;
  std::map<WorkloadId, Entry> entries_;
  std::map<std::string, std::vector<Error>> failures_;
  std::vector<std::string> calls_;
  std::optional<int> exec_exit_code_;
  std::int64_t next_pid_ = 1000;
  StopSource stop_;
  UniqueFd timers_changed_;
  std::jthread timers_;  // last: uses all of the above
};

class FakeSandbox final : public Sandbox {
 public:
  /// The machine must outlive the sandbox.
  explicit FakeSandbox(FakeMachine& machine) : machine_(machine) {}

  schema::Violations unsupported(const api::WorkloadSpec& spec) const override;
  Result<> create(const Plan& plan, const StopSource& stop) override;
  Result<UniqueFd> network_namespace(const WorkloadId& id) override;
  Result<> start(const WorkloadId& id) override;
  Result<Observed> observe(const WorkloadId& id) override;
  Result<UniqueFd> watch(const WorkloadId& id) override;
  Result<> signal(const WorkloadId& id, int signo, bool all_processes) override;
  Result<> pause(const WorkloadId& id) override;
  Result<> resume(const WorkloadId& id) override;
  Result<> update(const WorkloadId& id, const api::Resources& resources) override;
  Result<Usage> usage(const WorkloadId& id) override;
  Result<std::vector<std::int64_t>> processes(const WorkloadId& id) override;
  Result<> attach(const WorkloadId& id, UniqueFd client, const StreamFormat& format) override;
  Result<> resize(const WorkloadId& id, std::uint16_t height, std::uint16_t width) override;
  Result<ExecState> exec(const WorkloadId& id, const std::string& exec_id, const api::ExecSpec& spec, UniqueFd client,
                         const StreamFormat& format) override;
  Result<ExecState> exec_state(const WorkloadId& id, const std::string& exec_id) override;
  Result<UniqueFd> exec_watch(const WorkloadId& id, const std::string& exec_id) override;
  Result<> exec_resize(const WorkloadId& id, const std::string& exec_id, std::uint16_t height, std::uint16_t width) override;
  Result<> exec_signal(const WorkloadId& id, const std::string& exec_id, int signo) override;
  Result<UniqueFd> root(const Files& files) override;
  Result<std::string> upper(const WorkloadId& id) override;
  std::string log_directory(const WorkloadId& id) const override;
  Result<> remove(const WorkloadId& id, bool keep_data) override;
  Result<std::vector<WorkloadId>> list() override;

 private:
  FakeMachine& machine_;
};

}  // namespace fulcrum::sandbox
