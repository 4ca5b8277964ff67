// The engine itself.
#include <boost/json.hpp>

#include "control/lifecycle.h"
#include "control/plan.h"
#include "server/native/support.h"

namespace fulcrum::server::native {

namespace json = boost::json;

namespace {

using http::Request;
using http::ResponseWriter;

Result<> ping(Api&, Request&, ResponseWriter& response) { return response.send_json(200, "{}"); }
Result<> version(Api& api, Request&, ResponseWriter& response) {
  return response.send_json(200,
                            json::serialize(json::object{{"version", api.facts.version}, {"commit", api.facts.commit}, {"api", "v1"}}));
}

json::object features_json(const control::KernelFeatures& f) {
  return {{"overlayfs", f.overlayfs}, {"erofs", f.erofs},     {"seccomp", f.seccomp},      {"userNamespaces", f.user_namespaces},
          {"apparmor", f.apparmor},   {"selinux", f.selinux}, {"kvmDevice", f.kvm_device}, {"ipForward", f.ip_forward}};
}

json::object cgroup_json(const control::CgroupFacts& facts) {
  if (!facts.error.empty()) return {{"mode", facts.mode}, {"error", facts.error}};
  return {{"mode", facts.mode}, {"controllers", json::array(facts.controllers.begin(), facts.controllers.end())}};
}

json::object facts_json(const control::Facts& f) {
  json::object facts{{"version", f.version},
                     {"kernel", f.kernel},
                     {"architecture", f.architecture},
                     {"host", f.host},
                     {"os", f.os_name},
                     {"cpus", f.cpus},
                     {"memory", f.memory},
                     {"bootId", f.boot_id},
                     {"cgroup", cgroup_json(f.cgroup)},
                     {"dataDir", f.data_dir},
                     {"runDir", f.run_dir},
                     {"socket", f.socket},
                     {"cgroupParent", f.cgroup_parent},
                     {"instance", f.instance},
                     {"defaultUserns", f.default_userns},
                     {"rootless", f.rootless.has_value()}};
  if (f.rootless) {
    facts["rootlessUserIds"] = f.rootless->user_ids;
    facts["rootlessNetwork"] = f.rootless->network;
    facts["rootlessHolder"] = f.rootless->holder;
  }
  facts["features"] = features_json(f.features);
  return facts;
}

Result<> info(Api& api, Request&, ResponseWriter& response) {
  auto object = facts_json(api.facts);
  std::int64_t running = 0, paused = 0, stopped = 0;
  for (const auto& workload : TRY(api.engine.objects().workloads()).items) {
    if (workload.status.phase == api::Phase::paused) {
      ++paused;
    } else if (control::is_active(workload.status.phase)) {
      ++running;
    } else {
      ++stopped;
    }
  }
  object["workloads"] = json::object{{"running", running}, {"paused", paused}, {"stopped", stopped}};
  object["images"] = TRY(api.images.list()).size();
  return response.send_json(200, json::serialize(object));
}

/// Stopped workloads, unused networks, images without a name.
Result<> prune(Api& api, Request& request, ResponseWriter& response) {
  TRY(only(request.query(), {"all", "volumes"}));
  const bool all = TRY(request.query().boolean("all", false));
  const bool volumes = TRY(request.query().boolean("volumes", false));
  const auto call = call_of(request, response);
  json::array workloads, networks, dropped_volumes;
  for (const auto& w : TRY(api.engine.objects().workloads()).items) {
    if (w.status.phase != api::Phase::stopped && w.status.phase != api::Phase::failed && w.status.phase != api::Phase::created) continue;
    const auto removed = api.engine.remove(w.metadata.uid, false, volumes, call);
    if (removed) workloads.emplace_back(w.spec.name);
  }
  for (const auto& name : TRY(control::prune_networks(api.engine.parts(), [](const auto&) { return true; }))) networks.emplace_back(name);
  if (volumes)
    for (const auto& name : TRY(control::prune_volumes(api.engine.parts(), [](const auto& volume) { return volume.anonymous; })).names)
      dropped_volumes.emplace_back(name);
  const auto images = TRY(api.images.prune(all));
  json::array deleted;
  for (const auto& id : images.deleted) deleted.emplace_back(id.str());
  return response.send_json(200, json::serialize(json::object{{"workloads", std::move(workloads)},
                                                              {"networks", std::move(networks)},
                                                              {"volumes", std::move(dropped_volumes)},
                                                              {"images", std::move(deleted)},
                                                              {"bytes", images.bytes}}));
}

}  // namespace

void add_system_routes(http::Router& router, Api& api) {
  const auto on = [&](std::string_view method, std::string_view path, auto handler) { router.add(method, path, bind(api, handler)); };
  on("GET", "/v1/ping", ping);
  on("GET", "/v1/version", version);
  on("GET", "/v1/info", info);
  on("POST", "/v1/prune", prune);
}

}  // namespace fulcrum::server::native
