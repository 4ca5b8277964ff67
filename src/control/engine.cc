#include "control/engine.h"

#include <algorithm>
#include <set>

#include "api/workload/codec.h"
#include "base/log.h"
#include "base/scope_exit.h"
#include "control/collector.h"
#include "control/exec_reconciler.h"
#include "control/names.h"
#include "control/recovery.h"

namespace fulcrum::control {

namespace {

constexpr std::size_t kWorkloadThreads = 8;
constexpr std::size_t kHealthThreads = 16;

}  // namespace

/// Destroyed from the last to the first: the pump stops feeding before the workers end.
struct Engine::Threads {
  Threads(Engine& engine, store::Revision revision)
      : watch(engine.namespaces_),
        reconciler(engine.parts_, watch, stop),
        health(engine.parts_, stop),
        execs(engine.parts_, watch),
        collector(engine.parts_, engine.namespaces_),
        collector_queue(engine.parts_.queue_clock),
        workers(engine.queue_, reconciler, kWorkloadThreads),
        health_workers(engine.health_queue_, health, kHealthThreads),
        exec_workers(engine.exec_queue_, execs, 1),
        collector_worker(collector_queue, collector, 1),
        pump(engine.objects_, watch, engine.queue_, engine.health_queue_, engine.exec_queue_, revision) {
    collector_queue.add_after("all", Collector::kPeriod);
  }
  StopSource stop;
  SandboxWatch watch;
  WorkloadReconciler reconciler;
  HealthReconciler health;
  ExecReconciler execs;
  Collector collector;
  WorkQueue collector_queue;
  WorkerPool workers;
  WorkerPool health_workers;
  WorkerPool exec_workers;
  WorkerPool collector_worker;
  Pump pump;
};

Engine::Engine(const EngineSetup& setup)
    : namespaces_(setup.namespaces),
      networks_(setup.networks),
      boot_id_(setup.boot_id),
      objects_(setup.store, setup.clock),
      volumes_(setup.data_dir + "/volumes"),
      configs_(setup.images),
      queue_(setup.queue_clock),
      health_queue_(setup.queue_clock),
      exec_queue_(setup.queue_clock),
      pulls_(setup.images),
      execs_(setup.run_dir + "/execs"),
      parts_{.objects = objects_,
             .topologies = setup.topologies,
             .images = setup.images,
             .networks = setup.networks,
             .volumes = volumes_,
             .configs = configs_,
             .pulls = pulls_,
             .gates = gates_,
             .waiting = waiting_,
             .execs = execs_,
             .transients = transients_,
             .queue = queue_,
             .queue_clock = setup.queue_clock,
             .run_dir = setup.run_dir,
             .dns = setup.dns} {}

Engine::~Engine() { stop(); }

Result<> Engine::start() {
  TRY(objects_.open());
  const auto revision = TRY(recover(parts_, namespaces_, boot_id_));
  for (const auto& workload : TRY(objects_.workloads()).items) {
    queue_.add(workload_key(workload.metadata.uid));
    health_queue_.add(workload_key(workload.metadata.uid));
  }
  for (const auto& id : execs_.open("")) exec_queue_.add(exec_key(id));
  threads_ = std::make_unique<Threads>(*this, revision);
  return {};
}

void Engine::stop() {
  if (threads_ == nullptr) return;
  threads_->stop.request_stop();
  threads_.reset();
}

Error failure(const api::Workload& workload) {
  Code code = Code::failed_precondition;
  if (workload.status.reason == "ImageNotFound") code = Code::not_found;
  // As a shell tells them apart: the program is not there (127), or cannot be executed (126).
  if (workload.status.reason == "StartFailed" && workload.status.exit_code == 127) code = Code::not_found;
  if (workload.status.reason == "StartFailed" && workload.status.exit_code == 126) code = Code::permission_denied;
  return {code, workload.status.message.empty() ? "workload " + workload.spec.name + " could not be started" : workload.status.message};
}

namespace {

Error failed_start(const api::Workload& workload, const Call& call) {
  if (call.exit_code != nullptr) *call.exit_code = workload.status.exit_code.value_or(125);
  return failure(workload);
}

}  // namespace

Result<Engine::Waiting> Engine::observe(const std::string& uid, Condition done) {
  const auto key = workload_key(uid);
  const auto listing = TRY(objects_.store().list(key, {.limit = 1}));
  if (listing.records.empty()) return fail(Code::not_found, "no such workload: {}", short_id(uid));
  Waiting waiting{.workload = TRY(decode_workload(listing.records.front())), .watch = nullptr, .done = std::move(done)};
  if (!waiting.done(waiting.workload, false)) waiting.watch = TRY(objects_.store().watch(key, listing.revision + 1));
  return waiting;
}

Result<api::Workload> Engine::finish_wait(Waiting waiting, const Call& call) {
  if (waiting.watch == nullptr) return std::move(waiting.workload);
  for (;;) {
    const auto ready = TRY(wait_any(call.stop, call.deadline, {{waiting.watch->fd(), POLLIN}, call.client}));
    if (ready == 1) return fail(Code::unavailable, "the client left");
    for (const auto& event : TRY(waiting.watch->next())) {
      auto workload = TRY(decode_workload(event.record));
      const bool removed = event.type == store::Event::Type::removed;
      if (waiting.done(workload, removed)) return workload;
      if (removed) return fail(Code::not_found, "workload {} was removed", workload.spec.name);
    }
  }
}

Result<api::Workload> Engine::wait(const std::string& uid, const Call& call, const Condition& done) {
  return finish_wait(TRY(observe(uid, done)), call);
}

namespace {

bool runs(const api::Workload& w) { return is_active(w.status.phase) || w.status.phase == Phase::starting; }

/// The end of a run that goes on now, or of the next one.
Engine::Condition next_exit(const api::Workload& workload) {
  return [run = workload.status.run + (runs(workload) ? 0 : 1)](const api::Workload& w, bool removed) {
    const bool over = !runs(w) && w.status.exit_code.has_value();
    return removed || (over && w.status.run >= run) || w.status.run > run;
  };
}

}  // namespace

Result<Engine::Waiting> Engine::begin_wait(const std::string& reference, const std::string& condition) {
  const auto workload = TRY(objects_.find(reference));
  const auto ended = [](const api::Workload& w) { return w.status.phase == Phase::stopped || w.status.phase == Phase::failed; };
  const auto when = [&](Condition done) { return observe(workload.metadata.uid, std::move(done)); };
  if (condition == "stopped")
    return when([ended](const api::Workload& w, bool removed) {
      const bool never_ran = w.status.phase == Phase::created || w.status.phase == Phase::pending || w.status.phase == Phase::creating;
      return removed || ended(w) || (never_ran && w.intent.state != "running");
    });
  if (condition == "next-exit") return when(next_exit(workload));
  if (condition == "not-running") {
    if (runs(workload) || workload.status.phase == Phase::restarting) return when(next_exit(workload));
    return Waiting{.workload = workload, .watch = nullptr, .done = nullptr};
  }
  if (condition == "removed") return when([](const api::Workload&, bool removed) { return removed; });
  // What ended will not come so far any more: the answer's phase says so.
  if (condition == "running")
    return when([ended](const api::Workload& w, bool removed) { return removed || ended(w) || w.status.phase == Phase::running; });
  if (condition == "healthy")
    return when([ended](const api::Workload& w, bool removed) { return removed || ended(w) || w.status.health.status == "healthy"; });
  return fail(Code::invalid_argument, "condition: \"{}\" is not one of stopped, not-running, next-exit, removed, running, healthy",
              condition);
}

Result<api::Workload> Engine::wait_condition(const std::string& reference, const std::string& condition, const Call& call) {
  return finish_wait(TRY(begin_wait(reference, condition)), call);
}

Result<api::Workload> Engine::store_new(api::WorkloadSpec spec, bool start, std::string uid) {
  const bool named = !spec.name.empty();
  if (uid.empty()) uid = new_uid();
  for (int attempt = 0;; ++attempt) {
    if (!named) spec.name = random_name();
    api::Workload workload{.metadata = {.uid = uid, .created = objects_.clock().now(), .generation = 1}, .spec = spec};
    if (start) {
      workload.intent.state = "running";
      workload.intent.starts = 1;
    }
    auto created = objects_.create(workload, {objects_.event(workload, "create")});
    if (!created && created.error().code == Code::already_exists && !named && attempt < 16) continue;
    if (created) {
      log::info("created", {{"workload", spec.name}, {"uid", workload.metadata.uid}, {"topology", api::to_string(spec.topology)}});
      queue_.add(workload_key(workload.metadata.uid));
    }
    return created;
  }
}

Result<api::Workload> Engine::wait_started(const api::Workload& workload, const Call& call) {
  const auto starts = workload.intent.starts;
  const auto after = TRY(wait(workload.metadata.uid, call, [&](const api::Workload& w, bool removed) {
    if (removed || w.status.phase == Phase::failed) return true;
    if (w.intent.state == "stopped") return true;  // somebody else stopped it meanwhile
    return w.status.starts >= starts && w.status.phase != Phase::starting && w.status.phase != Phase::created;
  }));
  if (after.status.phase == Phase::failed) return std::unexpected(failed_start(after, call));
  return after;
}

Result<api::Workload> Engine::create(api::WorkloadSpec spec, bool start, const Call& call, std::string uid) {
  TRY(parts_.topologies.check(spec));
  const auto stored = TRY(store_new(std::move(spec), start, std::move(uid)));
  uid = stored.metadata.uid;
  auto prepared = wait(uid, call, [](const api::Workload& w, bool removed) {
    return removed || (w.status.phase != Phase::pending && w.status.phase != Phase::creating);
  });
  // Nobody will ever ask for something whose creation failed: it goes again.
  const bool failed = prepared && prepared->status.phase == Phase::failed && prepared->status.run == 0;
  if (!prepared || failed) {
    const auto marked = change(uid, [&](Edit& edit) -> Result<bool> {
      edit.workload.metadata.deleting = objects_.clock().now();
      edit.workload.intent.remove_volumes = true;
      return true;
    });
    // Who is told that it failed finds its name free. Where the wait ends early (the client left, the disk is full), it goes all the same.
    const Call bounded{
        .stop = call.stop, .deadline = Deadline::earlier(call.deadline, Deadline::in(std::chrono::seconds(10))), .client = call.client};
    if (marked) (void)wait(uid, bounded, [](const api::Workload&, bool removed) { return removed; });
    return std::unexpected(failed ? failure(*prepared) : prepared.error());
  }
  return start ? wait_started(stored, call) : prepared;
}

Result<api::Workload> Engine::change(const std::string& reference, const std::function<Result<bool>(Edit&)>& change) {
  const auto found = TRY(objects_.find(reference));
  auto edited = TRY(objects_.edit(found.metadata.uid, change));
  if (!edited) return fail(Code::not_found, "no such workload: {}", reference);
  queue_.add(workload_key(found.metadata.uid));
  return std::move(*edited);
}

namespace {

Result<> check_not_deleting(const api::Workload& w) {
  if (w.metadata.deleting) return fail(Code::failed_precondition, "workload {} is being removed", w.spec.name);
  return {};
}

void ask_start(api::Workload& w) {
  w.intent.state = "running";
  w.intent.by_user = false;
  ++w.intent.starts;
}

void ask_stop(api::Workload& w, const std::string& signal, std::optional<Duration> timeout) {
  ++w.intent.stops;
  w.intent.stop_signal = signal;
  w.intent.stop_timeout = timeout;
}

}  // namespace

Result<api::Workload> Engine::start(const std::string& reference, const Call& call) {
  const auto asked = TRY(change(reference, [&](Edit& edit) -> Result<bool> {
    auto& w = edit.workload;
    TRY(check_not_deleting(w));
    if (w.status.phase == Phase::paused) return fail(Code::failed_precondition, "workload {} is paused; resume it", w.spec.name);
    if (w.status.phase == Phase::running && w.intent.state == "running" && w.intent.stops <= w.status.stops) return false;
    if (w.status.phase == Phase::starting && w.intent.state == "running") return false;
    ask_start(w);
    return true;
  }));
  return wait_started(asked, call);
}

Result<> Engine::start_attached(const std::string& reference, const Call& call,
                                const std::function<Result<>(const api::Workload&)>& attach) {
  const auto found = TRY(objects_.find(reference));
  const auto& uid = found.metadata.uid;
  const ScopeExit go_on([&] { queue_.add(workload_key(uid)); });  // after the gate is open again
  const StartGates::Hold gate(gates_, workload_key(uid));
  const auto asked = TRY(change(uid, [&](Edit& edit) -> Result<bool> {
    auto& w = edit.workload;
    TRY(check_not_deleting(w));
    if (is_active(w.status.phase) && w.intent.state != "stopped") return false;
    if (w.status.phase == Phase::starting && w.intent.state == "running") return false;
    ask_start(w);
    return true;
  }));
  if (is_active(asked.status.phase)) return attach(asked);
  // Either it comes to the gate, or its record says that it never will.
  const auto watch = TRY(objects_.store().watch(workload_key(uid), asked.metadata.revision + 1));
  for (;;) {
    const auto ready = TRY(wait_any(call.stop, call.deadline, {{gate.fd(), POLLIN}, {watch->fd(), POLLIN}, call.client}));
    if (ready == 0) return attach(asked);
    if (ready == 2) return fail(Code::unavailable, "the client left");
    for (const auto& event : TRY(watch->next())) {
      const auto w = TRY(decode_workload(event.record));
      if (event.type == store::Event::Type::removed) return fail(Code::not_found, "workload {} was removed", w.spec.name);
      if (w.status.phase == Phase::failed && w.status.starts >= asked.intent.starts) return std::unexpected(failed_start(w, call));
      if (w.intent.state == "stopped") return fail(Code::failed_precondition, "workload {} was stopped meanwhile", w.spec.name);
    }
  }
}

Result<> Engine::attach(const api::Workload& workload, UniqueFd client, const sandbox::StreamFormat& format) {
  const auto& uid = workload.metadata.uid;
  const WorkloadId id(uid);
  if (is_active(workload.status.phase)) return sandbox(workload).attach(id, std::move(client), format);
  TRY(waiting_.add(workload_key(uid), {.fd = std::move(client), .format = format}));
  // Who starts it takes those who wait, before the start and again when it was recorded. If that has passed already, it is done here.
  const auto now = TRY(objects_.workload(uid));
  if (now && !now->metadata.deleting) {
    if (is_active(now->status.phase)) waiting_.attach_to(sandbox(*now), id, workload_key(uid));
    return {};
  }
  waiting_.take(workload_key(uid));
  return fail(Code::not_found, "no such workload: {}", workload.spec.name);
}

Result<api::Workload> Engine::stop(const std::string& reference, const std::string& signal, std::optional<Duration> timeout,
                                   const Call& call) {
  if (!signal.empty()) TRY(parse_signal(signal));
  const auto asked = TRY(change(reference, [&](Edit& edit) -> Result<bool> {
    auto& w = edit.workload;
    ask_stop(w, signal, timeout);
    w.intent.state = "stopped";
    w.intent.by_user = true;
    return true;
  }));
  const auto stops = asked.intent.stops;
  return wait(asked.metadata.uid, call, [&](const api::Workload& w, bool removed) {
    return removed || (w.status.stops >= stops && !is_active(w.status.phase) && w.status.phase != Phase::starting);
  });
}

Result<api::Workload> Engine::restart(const std::string& reference, const std::string& signal, std::optional<Duration> timeout,
                                      const Call& call) {
  if (!signal.empty()) TRY(parse_signal(signal));
  const auto asked = TRY(change(reference, [&](Edit& edit) -> Result<bool> {
    auto& w = edit.workload;
    TRY(check_not_deleting(w));
    if (is_active(w.status.phase) || w.status.phase == Phase::starting) ask_stop(w, signal, timeout);
    ask_start(w);
    edit.events.push_back(objects_.event(w, "restart"));
    return true;
  }));
  return wait_started(asked, call);
}

Result<api::Workload> Engine::kill(const std::string& reference, const std::string& signal, const Call& call) {
  const int signo = TRY(parse_signal(signal.empty() ? "KILL" : signal));
  auto found = TRY(objects_.find(reference));
  if (found.status.phase == Phase::starting)
    found = TRY(
        wait(found.metadata.uid, call, [](const api::Workload& w, bool removed) { return removed || w.status.phase != Phase::starting; }));
  if (!is_active(found.status.phase)) return fail(Code::failed_precondition, "workload {} does not run", found.spec.name);
  const auto image = TRY(configs_.get(found.status.image_id));
  const bool ends = signo == 9 || signo == stop_signal(found, *image).value_or(15);
  const auto killed = TRY(change(found.metadata.uid, [&](Edit& edit) -> Result<bool> {
    auto& w = edit.workload;
    if (ends) {  // the restart policy leaves it alone
      w.intent.state = "stopped";
      w.intent.by_user = true;
    }
    edit.events.push_back(objects_.event(w, "kill", {{"signal", fmt::format("{}", signo)}}));
    return true;
  }));
  log::info("kill", {{"workload", found.spec.name}, {"signal", signal_name(signo)}, {"reason", "asked for"}});
  TRY(sandbox(found).signal(WorkloadId(found.metadata.uid), signo, false));
  return killed;
}

Result<api::Workload> Engine::pause(const std::string& reference, const Call& call) {
  const auto asked = TRY(change(reference, [&](Edit& edit) -> Result<bool> {
    auto& w = edit.workload;
    if (w.status.phase != Phase::running && w.status.phase != Phase::paused)
      return fail(Code::failed_precondition, "workload {} does not run", w.spec.name);
    TRY(sandbox(w).can_pause(WorkloadId(w.metadata.uid)));
    w.intent.state = "paused";
    return true;
  }));
  const auto after =
      TRY(wait(asked.metadata.uid, call, [](const api::Workload& w, bool removed) { return removed || w.status.phase != Phase::running; }));
  if (after.status.phase != Phase::paused)
    return fail(Code::failed_precondition, "workload {} ended before it was paused", after.spec.name);
  return after;
}

Result<api::Workload> Engine::resume(const std::string& reference, const Call& call) {
  const auto asked = TRY(change(reference, [&](Edit& edit) -> Result<bool> {
    auto& w = edit.workload;
    if (w.status.phase != Phase::paused && w.intent.state != "paused")
      return fail(Code::failed_precondition, "workload {} is not paused", w.spec.name);
    w.intent.state = "running";
    return true;
  }));
  return wait(asked.metadata.uid, call, [](const api::Workload& w, bool removed) { return removed || w.status.phase != Phase::paused; });
}

Result<> Engine::remove(const std::string& reference, bool force, bool volumes, const Call& call) {
  const auto asked = change(reference, [&](Edit& edit) -> Result<bool> {
    auto& w = edit.workload;
    const bool runs = is_active(w.status.phase) || w.status.phase == Phase::starting || w.status.phase == Phase::restarting;
    if (runs && !force) return fail(Code::failed_precondition, "workload {} runs; stop it first, or remove it by force", w.spec.name);
    if (!w.metadata.deleting) w.metadata.deleting = objects_.clock().now();
    w.intent.remove_volumes = w.intent.remove_volumes || volumes || w.spec.auto_remove;
    w.intent.state = "stopped";
    return true;
  });
  const auto gone = wait(TRY(asked).metadata.uid, call, [](const api::Workload&, bool removed) { return removed; });
  if (!gone && gone.error().code != Code::not_found) return std::unexpected(gone.error());
  return {};
}

}  // namespace fulcrum::control
