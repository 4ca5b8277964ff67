// One sandbox's process: parent of the container's first process and of everything started beside it. It owns their streams, the log and
// the exit status, and outlives the daemon.
//
//   daemon ──spawn──> fulcrum-shim ──fork──> shim: listens, runs `fulcrum-oci create`, reports through a pipe
//                     prints the report      subreaper, therefore parent of whatever the runtime leaves behind
//                     and ends
//
// At the end of the first process: drain its streams → exit.json → watchers → exit frames → `fulcrum-oci delete` → leave. No process stays
// for a workload that has ended. Draining needs no time limit: a process whose end was reported has written all it will write, and with
// a pid namespace of its own so has everything below it (without one, the runtime kills the rest first). What is in the pipe by then is
// read; a stranger who still holds the pipe is not waited for. The same holds for an exec: output of what it left behind in the background
// is read until it ends, not after.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/process.h"
#include "base/unique_fd.h"
#include "sandbox/shim/connection.h"
#include "sandbox/shim/helper.h"
#include "sandbox/shim/log_writer.h"
#include "sandbox/shim/loop.h"
#include "sandbox/shim/message.h"
#include "sandbox/shim/options.h"
#include "sandbox/shim/streams.h"

namespace fulcrum::sandbox::shim {

class Shim final : public RequestHandler {
 public:
  /// Everything before the first event: sockets, signals, log, and the runtime's `create` under way. The report of how that went is
  /// written to `report`: "ok", or "error <what was printed>".
  [[nodiscard]] static Result<std::unique_ptr<Shim>> make(Options options, UniqueFd report);
  ~Shim() override;
  /// Serves until the container is gone.
  void run();

  std::optional<Reply> handle(std::uint64_t connection, const Request& request, std::vector<UniqueFd> fds) override;

 private:
  class Children;
  struct Exec {
    std::string id;
    pid_t pid = 0;
    std::unique_ptr<Streams> streams;
    std::unique_ptr<ConsoleSocket> console;
    std::optional<ExitStatus> exit;
  };
  enum class Ending { no, first_gone, deleting, rest_killed, published, done };

  Shim(Options options, Loop loop, LogWriter log, UniqueFd report);
  [[nodiscard]] Result<> create();
  void created(ExitStatus status, const std::string& text);
  void reap();
  void child_ended(pid_t pid, int status);
  void claim_early_ends();
  void start_waiting(std::uint64_t connection);
  void advance_end();
  void publish_end();
  bool idle() const;
  int turn_timeout();

  // Requests (requests.cc).
  [[nodiscard]] Result<> attach(const Request& request, std::vector<UniqueFd> fds);
  [[nodiscard]] Result<> begin_exec(std::uint64_t connection, const Request& request, std::vector<UniqueFd> fds);
  void exec_begun(const std::string& id, std::uint64_t connection, const Request& request, UniqueFd& client, ExitStatus status,
                  const std::string& text);
  void exec_ended(Exec& exec, ExitStatus status);
  [[nodiscard]] Result<Reply> of_exec(std::uint64_t connection, const Request& request);
  void remember_exec(const std::string& id);

  Reply status_reply() const;
  static Reply error_reply(const Error& error);
  static pid_t read_pid(const std::string& path);
  static bool replace_file(const std::string& path, std::string_view text);
  Command runtime_command(std::vector<std::string> words) const;
  void send_signal(pid_t pid, int signo) const;
  std::string in_directory(const std::string& name) const { return options_.directory + "/" + name; }

  const Options options_;
  Loop loop_;
  LogWriter log_;
  UniqueFd report_;
  UniqueFd signals_;
  std::unique_ptr<Children> children_;
  Server server_;
  Streams streams_;
  std::unique_ptr<ConsoleSocket> console_;
  std::map<std::string, std::unique_ptr<Exec>> execs_;
  std::deque<std::string> finished_execs_;
  UniqueFd
      sealed_runtime_;  // fulcrum-oci on a read-only mount of its own: a container cannot write to the file, and it need not seal itself
  std::vector<std::unique_ptr<Helper>> helpers_;
  std::vector<std::pair<pid_t, int>> unclaimed_;  // ended before their pid file was read
  std::vector<std::uint64_t> start_waiters_;
  std::vector<std::pair<std::uint64_t, Request>> waiting_;  // came before the container was created

  RunState state_ = RunState::creating;
  Ending ending_ = Ending::no;
  pid_t pid_ = 0;
  ExitStatus exit_;
  int exit_code_ = 0;
  bool oom_killed_ = false;
  std::string error_;  // why the program could not be started
  Code error_code_ = Code::unknown;
  std::int64_t started_ns_ = 0;
  std::int64_t finished_ns_ = 0;
};

}  // namespace fulcrum::sandbox::shim
