// One interface for everything that can hold a running workload. Two kinds implement it: a set of namespaces, and (later) a machine with a
// guest agent; a scripted fake serves tests. Nothing above this line knows which one it talks to.
//
// A sandbox keeps no state in memory that matters: everything is found again from the run folder and from the shim, so any call may be the
// first after a daemon crash. Every call is idempotent.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/workload/workload.h"
#include "base/error.h"
#include "base/id.h"
#include "base/unique_fd.h"
#include "base/wait.h"
#include "schema/violation.h"

namespace fulcrum::sandbox {

/// A mount with its source found: what the controller made out of spec.volumes, secrets and configs.
struct ResolvedMount {
  std::string type;    ///< bind (host path; volumes, secrets, image subtrees and configs are binds by now) or tmpfs
  std::string source;  ///< absolute host path; empty for tmpfs
  std::string target;  ///< absolute path inside
  bool read_only = false;
  bool recursive_read_only = false;
  bool recursive = true;
  std::string propagation = "rprivate";
  bool copy_up = false;  ///< an empty volume: filled with what the image has at target, before the first start
  std::optional<std::int64_t> size;
  std::optional<std::uint32_t> mode;
  std::vector<std::string> options;
};

/// Another workload whose namespace is joined ("container:NAME", resolved).
struct Join {
  std::string kind;  ///< network, pid, ipc
  WorkloadId target;
};

/// Everything that creating needs, with every reference resolved: no store, registry or network is asked any more.
struct Plan {
  WorkloadId id;  ///< metadata.uid
  std::string name;
  std::int64_t run = 0;  ///< which run this is; create() twice for one run does nothing the second time
  api::WorkloadSpec spec;
  std::string image_config;             ///< JSON of the OCI image config
  std::vector<std::string> layer_dirs;  ///< topmost first, as image::ResolvedImage::layer_dirs
  std::vector<ResolvedMount> mounts;
  std::vector<Join> joins;
  std::string hostname;
  std::string hosts_file;   ///< content of /etc/hosts; empty: the image's stays
  std::string resolv_conf;  ///< content of /etc/resolv.conf; empty: the image's stays
};

/// The files of a workload, from what its record says: enough to look at them before its first run.
struct Files {
  WorkloadId id;
  std::vector<std::string> layer_dirs;  ///< topmost first
  std::vector<ResolvedMount> mounts;    ///< seen at their places, unless it runs: then those of its run are
  bool bare = false;                    ///< read-only, and without any mount: the image, and what was written over it
};

/// How a run ended.
struct Exit {
  std::int64_t run = 0;
  int code = 0;  ///< as the shell counts: 128 + signal
  int signal = 0;
  bool oom_killed = false;
  Time finished{};
  std::string error;  ///< the process could not be started, and why ("exec: \"nosuch\": not found in $PATH")
};

enum class State { absent, created, running, paused, stopped };

/// What is there now.
struct Observed {
  State state = State::absent;
  std::int64_t run = 0;
  std::int64_t pid = 0;  ///< of the first process, on the host
  std::optional<Time> started;
  std::optional<Exit> exit;  ///< when stopped
};

/// Counters of one block device.
struct DeviceUsage {
  std::uint64_t major = 0, minor = 0;
  std::uint64_t read_bytes = 0, write_bytes = 0, reads = 0, writes = 0;
};

/// Counters, for stats and metrics. Network counters come from the network module.
struct Usage {
  Time time{};
  std::uint64_t cpu_ns = 0, cpu_user_ns = 0, cpu_system_ns = 0;
  std::uint64_t cpu_periods = 0, cpu_throttled_periods = 0, cpu_throttled_ns = 0;
  std::vector<std::uint64_t> cpu_per_cpu_ns;
  std::uint64_t memory = 0;        ///< bytes in use, page cache that can be dropped left out
  std::uint64_t memory_total = 0;  ///< bytes charged, page cache included
  std::uint64_t memory_limit = 0;  ///< the host's memory when unlimited
  std::uint64_t memory_peak = 0;
  std::uint64_t memory_failures = 0;  ///< times that the limit was hit
  std::map<std::string, std::uint64_t> memory_stat;
  std::uint64_t pids = 0, pids_limit = 0;
  std::uint64_t io_read_bytes = 0, io_write_bytes = 0, io_reads = 0, io_writes = 0;
  std::vector<DeviceUsage> devices;  ///< the same for each device
  std::uint64_t oom_kills = 0;
};

/// How a client's connection carries the streams of a process; docs/streams.md has the frames.
struct StreamFormat {
  bool stdin_open = false;
  bool stdout_open = true;
  bool stderr_open = true;
  bool framed_input = true;   ///< the client sends frames (stdin, resize, signal, end of stdin); false: raw bytes are stdin
  bool framed_output = true;  ///< output comes in frames (8-byte header); false: raw bytes (terminals over Docker's API)
  bool exit_frame = true;     ///< the last frame tells the exit status; false: the end of the stream is all
  bool logs = false;          ///< first what was logged so far (attach --logs)
  std::string detach_keys;    ///< e.g. "ctrl-p,ctrl-q"; empty: none. Watched for in raw input of a terminal
  std::string early;          ///< bytes that the client had sent already
};

/// One process started beside the first.
struct ExecState {
  std::string id;
  std::int64_t pid = 0;
  bool running = false;
  std::optional<int> exit_code;
};

/// One difference between a workload's files and its image.
struct Change {
  char kind = 'C';  ///< A added, C changed, D deleted
  std::string path;
};

class Sandbox {
 public:
  virtual ~Sandbox() = default;

  /// What of a spec this sandbox cannot do on this machine, each with the field's path; empty: all of it. The capability table asks this
  /// before anything is stored; create() refuses the same.
  [[nodiscard]] virtual schema::Violations unsupported(const api::WorkloadSpec& spec) const = 0;

  /// Fields that mean less on this machine than elsewhere, though they are not refused as such: field → what to expect. For the capability
  /// table.
  virtual std::map<std::string, std::string> degraded() const { return {}; }

  /// Makes everything up to the moment before the workload's own program runs: after it, network_namespace() is there to be plugged into.
  /// A finished earlier run is cleared away first; one that still goes on is failed_precondition. After an error nothing is left running.
  /// Errors: invalid_argument or unimplemented naming the field that cannot be had here; resource_exhausted; not_found and
  /// permission_denied mean that the workload's program is not there (exit code 127) or cannot be executed (126).
  [[nodiscard]] virtual Result<> create(const Plan& plan, const StopSource& stop) = 0;
  /// The network namespace of a created or running workload; failed_precondition when it has none of its own.
  [[nodiscard]] virtual Result<UniqueFd> network_namespace(const WorkloadId& id) = 0;
  /// Runs the program. Starting what runs, or has run already (the same run), is success. Errors: not_found and permission_denied as in
  /// create(), failed_precondition when it was never created or is gone.
  [[nodiscard]] virtual Result<> start(const WorkloadId& id) = 0;
  [[nodiscard]] virtual Result<Observed> observe(const WorkloadId& id) = 0;
  /// A descriptor that becomes ready (POLLIN or hang-up) when the run has ended or the sandbox changed behind the daemon's back.
  /// observe() then says what happened. not_found when there is no sandbox.
  [[nodiscard]] virtual Result<UniqueFd> watch(const WorkloadId& id) = 0;
  /// To the first process, or to all. A paused workload can only be killed (SIGKILL). Errors: failed_precondition when it does not run.
  [[nodiscard]] virtual Result<> signal(const WorkloadId& id, int signo, bool all_processes) = 0;
  /// Whether pause() can work for this workload here, asked before anybody waits for it. Error: unimplemented with the reason.
  [[nodiscard]] virtual Result<> can_pause(const WorkloadId& id) const {
    (void)id;
    return {};
  }
  [[nodiscard]] virtual Result<> pause(const WorkloadId& id) = 0;
  [[nodiscard]] virtual Result<> resume(const WorkloadId& id) = 0;
  /// Changes limits without a restart.
  [[nodiscard]] virtual Result<> update(const WorkloadId& id, const api::Resources& resources) = 0;
  [[nodiscard]] virtual Result<Usage> usage(const WorkloadId& id) = 0;
  /// Host process IDs of everything inside.
  [[nodiscard]] virtual Result<std::vector<std::int64_t>> processes(const WorkloadId& id) = 0;

  /// Gives a client's connection to the workload's streams. The sandbox owns the descriptor from here on; the daemon is out of the path,
  /// so attached clients survive its restart.
  [[nodiscard]] virtual Result<> attach(const WorkloadId& id, UniqueFd client, const StreamFormat& format) = 0;
  /// Terminal size of the first process.
  [[nodiscard]] virtual Result<> resize(const WorkloadId& id, std::uint16_t height, std::uint16_t width) = 0;
  /// Starts another process; `client` may be invalid (detached). Returns when it runs or could not be started (the error says which of
  /// the two kinds: not_found → exit code 127, permission_denied → 126).
  [[nodiscard]] virtual Result<ExecState> exec(const WorkloadId& id, const std::string& exec_id, const api::ExecSpec& spec, UniqueFd client,
                                               const StreamFormat& format) = 0;
  [[nodiscard]] virtual Result<ExecState> exec_state(const WorkloadId& id, const std::string& exec_id) = 0;
  /// A descriptor that becomes ready when the exec has ended, or nothing is known of it any more; exec_state() then says what happened.
  [[nodiscard]] virtual Result<UniqueFd> exec_watch(const WorkloadId& id, const std::string& exec_id) = 0;
  [[nodiscard]] virtual Result<> exec_resize(const WorkloadId& id, const std::string& exec_id, std::uint16_t height,
                                             std::uint16_t width) = 0;
  [[nodiscard]] virtual Result<> exec_signal(const WorkloadId& id, const std::string& exec_id, int signo) = 0;

  /// The root of the workload's file system as an O_PATH directory, running, stopped or never started; for cp and export. Nothing appears
  /// on the host.
  [[nodiscard]] virtual Result<UniqueFd> root(const Files& files) = 0;
  /// The folder of what the workload wrote over its image (overlay upper); it may not be there before the first run.
  [[nodiscard]] virtual Result<std::string> upper(const WorkloadId& id) = 0;
  /// Folder of the log files: `log`, `log.1`, … in the CRI format.
  virtual std::string log_directory(const WorkloadId& id) const = 0;

  /// Ends what runs and removes every trace but, with `keep_data`, the written files and logs (for another run). Absence is success.
  [[nodiscard]] virtual Result<> remove(const WorkloadId& id, bool keep_data) = 0;
  /// Every workload of which this sandbox finds a trace: for recovery, and for removing what nobody wants any more.
  [[nodiscard]] virtual Result<std::vector<WorkloadId>> list() = 0;
};

}  // namespace fulcrum::sandbox
