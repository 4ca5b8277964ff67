// The engine as its API servers see it: verbs on workloads. Each writes what is wanted into the store and waits until it is so; the
// reconcilers do the work, whether anybody waits or not.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/wait.h"
#include "control/health/health.h"
#include "control/watcher.h"
#include "control/workload/attachments.h"
#include "control/workload/mounts.h"
#include "control/workload/parts.h"
#include "control/workload/reconciler.h"
#include "image/diff.h"

namespace fulcrum::control {

/// What the engine is made of. Everything outlives it.
struct EngineSetup {
  store::Store& store;
  const topology::Topologies& topologies;
  sandbox::Sandbox& namespaces;  ///< the sandbox whose descriptors are watched
  Images& images;
  Networks& networks;
  std::string data_dir;  ///< volumes lie below it
  std::string run_dir;
  std::vector<std::string> dns;
  std::string boot_id;       ///< of the kernel: when it differs from the last time, the machine was restarted
  const Clock& clock;        ///< of the day, for what is stored
  const Clock& queue_clock;  ///< that never jumps, for delays
};

/// What changed in an apply().
struct Applied {
  std::string action;  ///< created, changed, unchanged
  struct Change {
    std::string path, from, to;  ///< JSON texts; empty: absent
  };
  std::vector<Change> changes;
  api::Workload workload;
};

/// A request's bounds: the server's stop, its deadline, and the client's connection (an fd that is ready when the client left; -1: none).
struct Call {
  const StopSource& stop;
  Deadline deadline;
  Interest client{.fd = -1, .events = 0};
  int* exit_code = nullptr;  ///< set when a start fails: 127, 126 or 125, for who passes it on
};

class Engine {
 public:
  explicit Engine(const EngineSetup& setup);
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  /// Makes what is there equal to what is stored: networks, orphans, workloads that ended meanwhile. Then starts the threads.
  [[nodiscard]] Result<> start();
  /// Ends the threads. Workloads go on.
  void stop();

  Parts& parts() { return parts_; }
  Objects& objects() { return objects_; }

  /// Checks, stores and prepares (pulls the image); with `start` also starts. When it cannot be prepared nothing stays behind. `uid` is
  /// for who has to know it before (control::new_uid()); empty: made up.
  [[nodiscard]] Result<api::Workload> create(api::WorkloadSpec spec, bool start, const Call& call, std::string uid = {});
  /// Makes or changes the workload of that name so that it is as declared. What can be changed while it runs is; for the rest it is
  /// stopped, and begins anew with a fresh file system and the same volumes. With `dry_run` only says what would change.
  [[nodiscard]] Result<Applied> apply(api::WorkloadSpec spec, bool dry_run, const Call& call);
  /// Errors: failed_precondition with the reason when it could not be started.
  [[nodiscard]] Result<api::Workload> start(const std::string& reference, const Call& call);
  /// Starts it so far that clients can be attached, calls `attach`, and lets it run. When it runs already, `attach` is called at once.
  /// An error before `attach` was called is that of the start.
  [[nodiscard]] Result<> start_attached(const std::string& reference, const Call& call,
                                        const std::function<Result<>(const api::Workload&)>& attach);
  /// Gives a client's connection to the streams of a workload: at once when it runs, else just before its program starts the next time.
  /// The connection is closed when it is removed, or cannot be started. Errors: not_found, resource_exhausted.
  [[nodiscard]] Result<> attach(const api::Workload& workload, UniqueFd client, const sandbox::StreamFormat& format);
  [[nodiscard]] Result<api::Workload> stop(const std::string& reference, const std::string& signal, std::optional<Duration> timeout,
                                           const Call& call);
  [[nodiscard]] Result<api::Workload> restart(const std::string& reference, const std::string& signal, std::optional<Duration> timeout,
                                              const Call& call);
  /// Waits for a start that is under way: its program may run, and be heard of, before the record says so. Errors: failed_precondition when
  /// it does not run.
  [[nodiscard]] Result<api::Workload> kill(const std::string& reference, const std::string& signal, const Call& call);
  [[nodiscard]] Result<api::Workload> pause(const std::string& reference, const Call& call);
  [[nodiscard]] Result<api::Workload> resume(const std::string& reference, const Call& call);
  /// Errors: failed_precondition when it runs and `force` is not given.
  [[nodiscard]] Result<> remove(const std::string& reference, bool force, bool volumes, const Call& call);
  [[nodiscard]] Result<api::Workload> rename(const std::string& reference, const std::string& name);
  /// Replaces limits and restart policy.
  [[nodiscard]] Result<api::Workload> update(const std::string& reference, const std::function<Result<>(api::WorkloadSpec&)>& change,
                                             const Call& call);
  [[nodiscard]] Result<> connect(const std::string& network, const std::string& reference, api::NetworkAttachment attachment,
                                 const Call& call);
  [[nodiscard]] Result<> disconnect(const std::string& network, const std::string& reference, const Call& call);

  /// Waits until `done` says so: it is asked with every version of the record from now on, none left out, and at the end with
  /// removed = true. Errors: cancelled, deadline_exceeded, unavailable when the client left.
  using Condition = std::function<bool(const api::Workload& workload, bool removed)>;
  [[nodiscard]] Result<api::Workload> wait(const std::string& uid, const Call& call, const Condition& done);
  /// A wait that has begun: nothing that happens from then on is missed, whenever it is finished.
  struct Waiting {
    api::Workload workload;               ///< as it was when the wait began
    std::unique_ptr<store::Watch> watch;  ///< null: the condition held already
    Condition done;
  };
  /// stopped, not-running (also when a restart follows), next-exit, removed, running, healthy. Errors: invalid_argument, not_found.
  [[nodiscard]] Result<Waiting> begin_wait(const std::string& reference, const std::string& condition);
  /// Errors: as wait().
  [[nodiscard]] Result<api::Workload> finish_wait(Waiting waiting, const Call& call);
  /// Both in one.
  [[nodiscard]] Result<api::Workload> wait_condition(const std::string& reference, const std::string& condition, const Call& call);

  /// Registers a process that is to run beside a workload's first one. Errors: failed_precondition when it does not run, or is paused;
  /// resource_exhausted.
  [[nodiscard]] Result<api::Exec> create_exec(const api::Workload& workload, const api::ExecSpec& spec);
  /// Starts it; `client` may be invalid (detached). `console_size` (height, width) replaces that of its spec unless it is empty. Errors:
  /// not_found when there is no such exec, failed_precondition when it ran already; those of Sandbox::exec(), after which its exit code
  /// is 127 or 126.
  [[nodiscard]] Result<> start_exec(const std::string& id, UniqueFd client, const sandbox::StreamFormat& format,
                                    const std::vector<std::uint16_t>& console_size = {});
  /// An exec as it is now. Errors: not_found.
  [[nodiscard]] Result<api::Exec> exec(const std::string& id) const;
  [[nodiscard]] Result<> resize_exec(const std::string& id, std::uint16_t height, std::uint16_t width);

  /// The root of a workload's files, as an O_PATH directory: also of one that never ran. Errors: failed_precondition while its image is
  /// being fetched.
  [[nodiscard]] Result<UniqueFd> root(const api::Workload& workload);
  /// The same without volumes, or anything else that is mounted, and read-only: its image, and what was written over it.
  [[nodiscard]] Result<UniqueFd> bare_root(const api::Workload& workload);
  /// The folder of what was written over its image; empty when it never ran.
  [[nodiscard]] Result<UniqueFd> upper(const api::Workload& workload);
  /// What it changed of its image.
  [[nodiscard]] Result<std::vector<image::Change>> changes(const api::Workload& workload, const StopSource& stop);
  /// The user and group as whom the workload runs, by the files below `root`.
  [[nodiscard]] Result<std::pair<uid_t, gid_t>> owner(const api::Workload& workload, int root);

  sandbox::Sandbox& sandbox(const api::Workload& workload) const { return parts_.topologies.of(workload.spec.topology).sandbox(); }

 private:
  struct Threads;
  Result<Waiting> observe(const std::string& uid, Condition done);
  Result<api::Workload> change(const std::string& reference, const std::function<Result<bool>(Edit&)>& change);
  Result<api::Workload> store_new(api::WorkloadSpec spec, bool start, std::string uid);
  void tell_exec(const api::Workload& workload, std::string action, const api::Exec& exec);
  Result<api::Workload> wait_started(const api::Workload& workload, const Call& call);

  sandbox::Sandbox& namespaces_;
  Networks& networks_;
  std::string boot_id_;
  Objects objects_;
  volume::LocalVolumes volumes_;
  ImageConfigs configs_;
  WorkQueue queue_;
  WorkQueue health_queue_;
  WorkQueue exec_queue_;
  Pulls pulls_;
  StartGates gates_;
  WaitingClients waiting_;
  Execs execs_;
  Transients transients_;
  Parts parts_;
  std::unique_ptr<Threads> threads_;
};

/// What a failed workload's error is, for whoever asked for it to run.
Error failure(const api::Workload& workload);

}  // namespace fulcrum::control
