// Stands-in for images and networks, and a harness that runs the controllers without threads: everything that is due is done when settle()
// returns, and a "crash" is a new harness over the same store and machine.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "base/testing.h"
#include "control/engine.h"
#include "control/recovery.h"
#include "sandbox/fake/fake_sandbox.h"
#include "store/faulty.h"
#include "store/memory/memory_store.h"

namespace fulcrum::control::testing {

/// Images by reference; every image has one layer and a config that the test gives.
class FakeImages final : public Images {
 public:
  void add(const std::string& reference,
           const std::string& config = R"({"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[]}})") {
    const std::lock_guard lock(mutex_);
    images_[reference] = config;
  }
  void add_remote(const std::string& reference) {
    const std::lock_guard lock(mutex_);
    remote_.insert(reference);
  }
  Result<image::ResolvedImage> resolve(const std::string& reference) override {
    const std::lock_guard lock(mutex_);
    const auto name = reference.starts_with("id-") ? reference.substr(3) : reference;
    const auto it = images_.find(name);
    if (it == images_.end()) return fail(Code::not_found, "no such image: {}", reference);
    return image::ResolvedImage{.id = image::ImageId("id-" + name), .config = it->second, .layer_dirs = {"/layers/" + name}};
  }
  Result<> pull(const std::string& reference, const std::string&, const StopSource&) override {
    {
      const std::lock_guard lock(mutex_);
      if (!remote_.contains(reference)) return fail(Code::not_found, "{} is in no registry", reference);
    }
    add(reference);
    return {};
  }
  Result<> hold(const image::ImageId& id, const std::string& holder) override {
    const std::lock_guard lock(mutex_);
    holders_[holder] = id.str();
    return {};
  }
  Result<> release(const std::string& holder) override {
    const std::lock_guard lock(mutex_);
    holders_.erase(holder);
    return {};
  }
  Result<std::vector<std::string>> holders() override {
    const std::lock_guard lock(mutex_);
    std::vector<std::string> all;
    for (const auto& [holder, image] : holders_) all.push_back(holder);
    return all;
  }

 private:
  std::mutex mutex_;
  std::map<std::string, std::string> images_;
  std::set<std::string> remote_;
  std::map<std::string, std::string> holders_;
};

/// Networks that are only names and numbers. Reservations live here, as in the real manager's memory: a new one has forgotten them.
class FakeNetworks final : public Networks {
 public:
  Result<network::Network> plan_network(const network::NetworkConfig& config) override {
    auto planned = config;
    planned.bridge = "br-" + config.name;
    if (planned.subnets.empty()) planned.subnets.push_back({.subnet = network::Prefix::parse("10.9.0.0/24").value()});
    return planned;
  }
  Result<network::Network> create_network(const network::NetworkConfig& config) override {
    const std::lock_guard lock(mutex_);
    networks_[config.name] = config;
    return config;
  }
  Result<> remove_network(std::string_view name) override {
    const std::lock_guard lock(mutex_);
    networks_.erase(std::string(name));
    return {};
  }
  Result<network::Network> network(std::string_view name) override {
    const std::lock_guard lock(mutex_);
    const auto it = networks_.find(std::string(name));
    if (it == networks_.end()) return fail(Code::not_found, "no network {}", name);
    return it->second;
  }
  Result<network::Endpoint> reserve(const network::AttachRequest& request) override {
    const std::lock_guard lock(mutex_);
    for (const auto& port : request.ports)
      for (const auto& [key, other] : endpoints_)
        for (const auto& published : other.ports)
          if (published.host_port == port.host_first && port.host_first != 0)
            return fail(Code::already_exists, "port {} is in use", port.host_first);
    network::Endpoint endpoint{.workload = request.workload, .network = request.network, .ifname = "eth0", .names = request.names};
    endpoint.mac = network::MacAddress::parse("02:00:00:00:00:01").value();
    endpoint.addresses.push_back(network::Prefix::parse(fmt::format("10.9.0.{}/24", ++last_)).value());
    for (const auto& port : request.ports) endpoint.ports.push_back({.host_port = port.host_first, .container_port = port.first});
    endpoints_[{request.workload.str(), request.network}] = endpoint;
    return endpoint;
  }
  Result<> plug_veth(const network::Endpoint& endpoint, int) override {
    const std::lock_guard lock(mutex_);
    if (!endpoints_.contains({endpoint.workload.str(), endpoint.network})) return fail(Code::internal, "plugged without a reservation");
    return {};
  }
  Result<> detach(const WorkloadId& workload, std::string_view network) override {
    const std::lock_guard lock(mutex_);
    endpoints_.erase({workload.str(), std::string(network)});
    return {};
  }
  Result<> detach_all(const WorkloadId& workload) override {
    const std::lock_guard lock(mutex_);
    std::erase_if(endpoints_, [&](const auto& entry) { return entry.first.first == workload.str(); });
    return {};
  }
  std::vector<network::Endpoint> endpoints(const WorkloadId& workload) override {
    const std::lock_guard lock(mutex_);
    std::vector<network::Endpoint> found;
    for (const auto& [key, endpoint] : endpoints_)
      if (key.first == workload.str()) found.push_back(endpoint);
    return found;
  }
  void set_ready(const WorkloadId& workload, bool ready) override {
    const std::lock_guard lock(mutex_);
    ready_[workload.str()] = ready;
  }
  Result<> set_names(const WorkloadId&, std::string_view, std::vector<std::string>, std::vector<std::string>) override { return {}; }
  Result<std::vector<network::EndpointStats>> stats(const WorkloadId&) override { return std::vector<network::EndpointStats>{}; }
  Result<network::ReconcileReport> reconcile(std::span<const network::Network> networks,
                                             std::span<const network::Endpoint> endpoints) override {
    const std::lock_guard lock(mutex_);
    for (const auto& network : networks) networks_[network.name] = network;
    for (const auto& endpoint : endpoints) endpoints_[{endpoint.workload.str(), endpoint.network}] = endpoint;
    return network::ReconcileReport{};
  }
  bool ready(const std::string& uid) {
    const std::lock_guard lock(mutex_);
    return ready_[uid];
  }
  std::size_t size() {
    const std::lock_guard lock(mutex_);
    return endpoints_.size();
  }

 private:
  std::mutex mutex_;
  std::map<std::string, network::Network> networks_;
  std::map<std::pair<std::string, std::string>, network::Endpoint> endpoints_;
  std::map<std::string, bool> ready_;
  int last_ = 1;
};

/// What outlives a daemon: the machine, the disk, the store.
struct World {
  fulcrum::testing::TemporaryDirectory dir;
  FakeClock clock;
  std::unique_ptr<store::Store> memory = store::make_memory_store();
  sandbox::FakeMachine machine{dir.path(), clock};
  FakeImages images;
};

/// The controllers of one life of the daemon, without threads.
class Harness final : public RunObserver {
 public:
  explicit Harness(World& world, std::vector<store::Fault> faults = {}, const std::string& boot = "boot-1")
      : world_(world), store_(*world.memory, std::move(faults)) {
    EXPECT_OK(objects_.open());
    EXPECT_OK(recover(parts_, sandbox_, boot));
    add_all();
  }
  bool running(const std::string&, const WorkloadId&) override { return true; }

  /// Stores a workload; nothing is done for it yet.
  api::Workload add(api::WorkloadSpec spec, bool start = true) {
    api::Workload w{.metadata = {.uid = new_uid(), .created = world_.clock.now(), .generation = 1}, .spec = std::move(spec)};
    if (start) {
      w.intent.state = "running";
      w.intent.starts = 1;
    }
    auto created = objects_.create(w, {objects_.event(w, "create")});
    EXPECT_OK(created);
    return *created;
  }
  api::Workload get(const std::string& name) { return objects_.find(name).value(); }
  bool exists(const std::string& name) { return objects_.find(name).has_value(); }
  void change(const std::string& name, const std::function<void(api::Workload&)>& change) {
    EXPECT_OK(objects_.edit(get(name).metadata.uid, [&](Edit& edit) -> Result<bool> {
      change(edit.workload);
      return true;
    }));
  }
  void add_all() {
    const auto all = objects_.workloads().value();
    for (const auto& w : all.items) {
      queue_.add(workload_key(w.metadata.uid));
      health_queue_.add(workload_key(w.metadata.uid));
    }
  }
  /// Does everything that is due, failures with their back-off included, without moving the clock.
  void settle() {
    add_all();
    for (int i = 0; i < 1000; ++i) {
      auto key = queue_.try_take();
      if (key) {
        handle(queue_, workloads_, *key);
      } else if ((key = health_queue_.try_take())) {
        handle(health_queue_, health_, *key);
      } else {
        return;
      }
    }
    ADD_FAILURE() << "never settles";
  }
  /// Moves the clock in small steps, settling after each.
  void advance(std::chrono::nanoseconds by, std::chrono::nanoseconds step = std::chrono::milliseconds(50)) {
    for (std::chrono::nanoseconds done{0}; done < by; done += step) {
      world_.clock.advance(std::min(step, by - done));
      settle();
    }
  }
  /// One call of the reconciler.
  Result<Outcome> once(const std::string& name) { return workloads_.reconcile(workload_key(get(name).metadata.uid)); }
  std::vector<std::string> actions(const std::string& name) {
    std::vector<std::string> found;
    const auto all = objects_.events().value();
    for (const auto& event : all.items)
      if (event.name == name && event.type == "workload") found.push_back(event.action);
    return found;
  }

  World& world_;
  store::FaultyStore store_;
  sandbox::FakeSandbox sandbox_{world_.machine};
  topology::Topologies topologies_{sandbox_};
  FakeNetworks networks_;
  Objects objects_{store_, world_.clock};
  volume::LocalVolumes volumes_{world_.dir / "volumes"};
  ImageConfigs configs_{world_.images};
  WorkQueue queue_{world_.clock};
  WorkQueue health_queue_{world_.clock};
  Pulls pulls_{world_.images};
  StartGates gates_;
  WaitingClients waiting_;
  Execs execs_{world_.dir / "execs"};
  Transients transients_;
  Parts parts_{.objects = objects_,
               .topologies = topologies_,
               .images = world_.images,
               .networks = networks_,
               .volumes = volumes_,
               .configs = configs_,
               .pulls = pulls_,
               .gates = gates_,
               .waiting = waiting_,
               .execs = execs_,
               .transients = transients_,
               .queue = queue_,
               .queue_clock = world_.clock,
               .run_dir = world_.dir / "run",
               .dns = {}};
  StopSource stop_;
  WorkloadReconciler workloads_{parts_, *this, stop_};
  HealthReconciler health_{parts_, stop_};
};

/// A workload that runs until it is told otherwise.
inline api::WorkloadSpec spec(const std::string& name, std::map<std::string, std::string> annotations = {}) {
  return {.name = name, .annotations = std::move(annotations), .image = "box"};
}

}  // namespace fulcrum::control::testing
