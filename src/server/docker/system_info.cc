#include "server/docker/system_info.h"

#include <algorithm>

#include "base/units.h"
#include "server/docker/operation.h"
#include "server/docker/runtimes.h"

namespace fulcrum::server::docker {

namespace wire = api::docker;

namespace {

wire::RegistryServiceConfig registry_config(const control::Facts& facts) {
  wire::RegistryServiceConfig config{.insecure_cidrs = {"::1/128", "127.0.0.0/8"}};  // loopback may always use plain http
  auto& hub = config.index_configs["docker.io"];
  hub = {.name = "docker.io", .secure = true, .official = true};
  if (const auto mirrors = facts.registry_mirrors.find("docker.io"); mirrors != facts.registry_mirrors.end())
    hub.mirrors = config.mirrors = mirrors->second;
  for (const auto& host : facts.insecure_registries) {
    const std::string_view scheme = "http://";
    const auto name = host.starts_with(scheme) ? host.substr(scheme.size()) : host;
    config.index_configs[name] = {.name = name, .secure = false};
  }
  for (const auto& [domain, mirrors] : facts.registry_mirrors) {
    auto& index = config.index_configs[domain];
    index.name = domain;
    index.mirrors = mirrors;
  }
  return config;
}

void add_limits(const control::Facts& facts, wire::SystemInfo& info) {
  const auto& cgroup = facts.cgroup;
  info.cgroup_version = cgroup.mode == "v2" ? "2" : "1";
  info.cgroup_driver = cgroup.controllers.empty() ? "none" : "cgroupfs";
  info.memory_limit = cgroup.has("memory");
  info.swap_limit = info.memory_limit && cgroup.swap;
  info.cpu_cfs_period = info.cpu_cfs_quota = info.cpu_shares = cgroup.has("cpu");
  info.cpu_set = cgroup.has("cpuset");
  info.pids_limit = cgroup.has("pids");
  info.oom_kill_disable = cgroup.oom_kill;
}

/// In the words that docker's own engine uses, so that who knows those knows these.
std::vector<std::string> warnings(const control::Facts& facts, const wire::SystemInfo& info) {
  auto warnings = facts.warnings;
  const auto warn = [&](bool has, std::string_view what) {
    if (!has) warnings.push_back(fmt::format("WARNING: No {} support", what));
  };
  if (info.cgroup_driver == "none") {
    warnings.push_back("WARNING: Running without cgroups: " +
                       (facts.cgroup.error.empty() ? "no controller may be used" : facts.cgroup.error));
  } else {
    warn(info.memory_limit, "memory limit");
    warn(info.swap_limit, "swap limit");
    if (info.cgroup_version == "1") warn(info.oom_kill_disable, "oom kill disable");
    warn(info.cpu_cfs_quota, "cpu cfs quota");
    warn(info.cpu_cfs_period, "cpu cfs period");
    warn(info.cpu_shares, "cpu shares");
    warn(info.cpu_set, "cpuset");
  }
  if (!info.ipv4_forwarding) warnings.push_back("WARNING: IPv4 forwarding is disabled");
  return warnings;
}

std::vector<std::string> security_options(const control::Facts& facts) {
  std::vector<std::string> options;
  if (facts.features.seccomp) options.push_back("name=seccomp,profile=builtin");
  if (facts.default_userns == "auto") options.push_back("name=userns");
  if (facts.rootless) options.push_back("name=rootless");
  options.push_back("name=cgroupns");
  return options;
}

}  // namespace

std::string go_architecture(std::string_view machine) {
  if (machine == "x86_64") return "amd64";
  if (machine == "aarch64") return "arm64";
  return std::string(machine);
}

wire::SystemVersion system_version(const control::Facts& facts) {
  const auto architecture = go_architecture(facts.architecture);
  const std::string compiler = fmt::format("none (C++, GCC {})", __VERSION__);
  wire::SystemVersion version{.platform = {.name = "Fulcrum"},
                              .version = facts.version,
                              .api_version = kMaxVersion.str(),
                              .min_api_version = kMinVersion.str(),
                              .git_commit = facts.commit,
                              .go_version = compiler,
                              .os = "linux",
                              .arch = architecture,
                              .kernel_version = facts.kernel,
                              .build_time = facts.built};
  version.components.push_back({.name = "Engine",
                                .version = facts.version,
                                .details = {{"ApiVersion", version.api_version},
                                            {"Arch", architecture},
                                            {"BuildTime", facts.built},
                                            {"Experimental", "false"},
                                            {"GitCommit", facts.commit},
                                            {"GoVersion", compiler},
                                            {"KernelVersion", facts.kernel},
                                            {"MinAPIVersion", version.min_api_version},
                                            {"Os", "linux"}}});
  version.components.push_back({.name = "fulcrum-oci", .version = facts.version, .details = {{"GitCommit", facts.commit}}});
  version.components.push_back({.name = "fulcrum-init", .version = facts.version, .details = {{"GitCommit", facts.commit}}});
  return version;
}

wire::SystemInfo system_info(const control::Facts& facts, const topology::Topologies& topologies, const std::string& id,
                             const Counts& counts, Time now) {
  wire::SystemInfo info{.id = id,
                        .containers = counts.running + counts.paused + counts.stopped,
                        .containers_running = counts.running,
                        .containers_paused = counts.paused,
                        .containers_stopped = counts.stopped,
                        .images = counts.images,
                        .driver = "overlay2",
                        .driver_status = {{"Backing Filesystem", facts.backing_filesystem}, {"Supports d_type", "true"}},
                        .plugins = {.volume = {"local"}, .network = {"bridge", "host", "null"}, .log = {"json-file", "local", "none"}},
                        .ipv4_forwarding = facts.features.ip_forward,
                        .debug = facts.debug,
                        .fds = counts.fds,
                        .threads = counts.threads,
                        .system_time = format_time(now),
                        .logging_driver = "json-file",
                        .events_listeners = counts.events_listeners,
                        .kernel_version = facts.kernel,
                        .operating_system = facts.os_name,
                        .os_version = facts.os_version,
                        .os_type = "linux",
                        .architecture = facts.architecture,
                        .index_server_address = "https://index.docker.io/v1/",
                        .registry_config = registry_config(facts),
                        .cpus = facts.cpus,
                        .memory = static_cast<std::int64_t>(facts.memory),
                        .root_dir = facts.data_dir,
                        .http_proxy = facts.http_proxy,
                        .https_proxy = facts.https_proxy,
                        .no_proxy = facts.no_proxy,
                        .name = facts.host,
                        .server_version = facts.version,
                        .default_runtime = std::string(kDefaultRuntime),
                        .live_restore_enabled = true,
                        .init_binary = facts.init,
                        .containerd_commit = {.id = "N/A", .expected = "N/A"},
                        .runc_commit = {.id = facts.commit, .expected = facts.commit},
                        .init_commit = {.id = facts.commit, .expected = facts.commit},
                        .security_options = security_options(facts)};
  add_limits(facts, info);
  for (const auto& name : runtimes(topologies)) info.runtimes[name.first] = {.path = facts.runtime};
  for (const auto& pool : facts.pools) info.default_address_pools.push_back({.base = pool.base, .size = pool.size});
  info.warnings = warnings(facts, info);
  return info;
}

}  // namespace fulcrum::server::docker
