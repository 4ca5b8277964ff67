#include "server/docker/container_inspect.h"

#include <algorithm>

#include "api/docker/container_schema.h"
#include "sandbox/namespace/spec.h"
#include "server/docker/container_state.h"
#include "server/docker/notation.h"

namespace fulcrum::server::docker {

namespace {

namespace json = boost::json;
namespace wire = api::docker;

/// Lays what a client wrote over what the spec is shown as.
void lay_over(json::object& shown, const json::object& written) {
  for (const auto& [name, value] : written) shown[name] = value;
}

void lay_notation(json::object& answer, const api::WorkloadSpec& spec) {
  const auto found = spec.annotations.find(std::string(kNotationKey));
  if (found == spec.annotations.end()) return;
  const auto parsed = schema::parse(found->second);
  if (!parsed || !parsed->is_object()) return;  // a user wrote it: then it tells nothing
  for (const auto* part : {"Config", "HostConfig"})
    if (const auto* written = parsed->get_object().if_contains(part); written != nullptr && written->is_object())
      lay_over(answer.at(part).as_object(), written->get_object());
}

}  // namespace

std::string view_time(const std::optional<Time>& time) { return time ? format_time(*time) : "0001-01-01T00:00:00Z"; }

wire::ContainerState view_state(const api::WorkloadStatus& status) {
  wire::ContainerState out;
  out.status = docker_status(status);
  out.running = docker_running(status);
  out.paused = out.status == "paused";
  out.restarting = out.status == "restarting";
  out.oom_killed = status.oom_killed;
  out.pid = status.pid;
  const bool ended = !out.running || out.restarting;
  out.exit_code = ended ? status.exit_code.value_or(0) : 0;
  if (status.phase == api::Phase::failed) out.error = status.message;
  out.started_at = view_time(status.started);
  out.finished_at = view_time(status.finished);
  if (status.health.status == "none" || status.health.status.empty()) return out;
  wire::HealthState health{.status = status.health.status, .failing_streak = status.health.failing_streak};
  for (const auto& probe : status.health.log)
    health.log.push_back(
        {.start = format_time(probe.start), .end = format_time(probe.end), .exit_code = probe.exit_code, .output = probe.output});
  out.health = std::move(health);
  return out;
}

std::string view_container(const api::Workload& workload, const oci::ImageConfig& image, const NetworkIds& ids,
                           const ContainerFacts& facts) {
  const auto& spec = workload.spec;
  wire::ContainerInspect out;
  out.id = workload.metadata.uid;
  out.created = format_time(workload.metadata.created);
  if (auto words = sandbox::make_arguments(spec, image.config)) {
    out.path = words->front();
    out.args.assign(words->begin() + 1, words->end());
  }
  out.state = view_state(workload.status);
  out.image = workload.status.image_id;
  out.resolv_conf_path = facts.resolv_conf;
  out.hostname_path = facts.hostname;
  out.hosts_path = facts.hosts;
  out.log_path = facts.log;
  out.name = "/" + spec.name;
  out.restart_count = workload.status.restarts;
  out.driver = "overlay2";
  out.platform = "linux";
  out.app_armor_profile = spec.security.apparmor;
  if (!facts.execs.empty()) out.exec_ids = facts.execs;
  out.host_config = view_host_config(workload);
  out.graph_driver = {.data = facts.root, .name = out.driver};
  out.size_rw = facts.size_rw;
  out.size_root_fs = facts.size_root_fs;
  out.mounts = mount_points(workload.status);
  out.config = view_config(workload, image);
  out.network_settings = view_networks(workload, image, ids);
  auto answer = schema::encode(out);
  lay_notation(answer.as_object(), spec);
  return json::serialize(answer);
}

}  // namespace fulcrum::server::docker
