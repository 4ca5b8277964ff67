// What an ordinary user's engine refuses, by field, before anything starts.
#include <algorithm>

#include "base/sys.h"
#include "sandbox/namespace/spec.h"

namespace fulcrum::sandbox {
namespace {

struct Limit {
  const char* field;
  bool set;
  std::vector<std::string_view> controllers;  ///< any of them does
};

std::vector<Limit> limits(const api::Resources& r) {
  return {
      {"resources.memory", r.memory.has_value(), {"memory"}},
      {"resources.memoryReservation", r.memory_reservation.has_value(), {"memory"}},
      {"resources.memorySwap", r.memory_swap.has_value(), {"memory"}},
      {"resources.memorySwappiness", r.memory_swappiness.value_or(-1) >= 0, {"memory"}},
      {"resources.oomKillDisable", r.oom_kill_disable, {"memory"}},
      {"resources.cpus", r.cpus.has_value(), {"cpu"}},
      {"resources.cpuShares", r.cpu_shares.has_value(), {"cpu"}},
      {"resources.cpuQuota", r.cpu_quota.has_value(), {"cpu"}},
      {"resources.cpuPeriod", r.cpu_period.has_value(), {"cpu"}},
      {"resources.cpuRealtimeRuntime", r.cpu_realtime_runtime.has_value(), {"cpu"}},
      {"resources.cpuRealtimePeriod", r.cpu_realtime_period.has_value(), {"cpu"}},
      {"resources.cpusetCpus", !r.cpuset_cpus.empty(), {"cpuset"}},
      {"resources.cpusetMems", !r.cpuset_mems.empty(), {"cpuset"}},
      {"resources.pids", r.pids.has_value(), {"pids"}},
      {"resources.blkioWeight", r.blkio_weight.has_value(), {"blkio", "io"}},
      {"resources.blkioWeightDevice", !r.blkio_weight_device.empty(), {"blkio", "io"}},
      {"resources.deviceReadBps", !r.device_read_bps.empty(), {"blkio", "io"}},
      {"resources.deviceWriteBps", !r.device_write_bps.empty(), {"blkio", "io"}},
      {"resources.deviceReadIops", !r.device_read_iops.empty(), {"blkio", "io"}},
      {"resources.deviceWriteIops", !r.device_write_iops.empty(), {"blkio", "io"}},
  };
}

void check_limits(const api::WorkloadSpec& spec, const MachineFacts& facts, schema::Violations& out) {
  for (const auto& limit : limits(spec.resources)) {
    const bool had = std::ranges::any_of(
        limit.controllers, [&](std::string_view name) { return std::ranges::find(facts.controllers, name) != facts.controllers.end(); });
    if (limit.set && !had) {
      out.push_back({limit.field, fmt::format("needs a delegated cgroup: the controller {} is not given to this user below --cgroup-parent",
                                              limit.controllers.front())});
    }
  }
  if (!spec.resources.device_cgroup_rules.empty())
    out.push_back({"resources.deviceCgroupRules", "device rules can be changed by the machine's own root only"});
  if (!spec.cgroup_parent.empty() && facts.controllers.empty()) out.push_back({"cgroupParent", "no cgroup is given to this user"});
}

}  // namespace

std::map<std::string, std::string> degraded_fields(const MachineFacts& facts) {
  std::map<std::string, std::string> fields;
  if (!facts.no_ports.empty()) fields["ports"] = facts.no_ports;
  if (!facts.rootless) return fields;
  fields["network"] = "host means the network namespace of this rootless engine, not the machine's";
  if (facts.controllers.empty()) fields["resources"] = "limits need a delegated cgroup (ulimits and shmSize do not)";
  if (facts.user_ids == 1) fields["user"] = "only root exists: this engine's user has no ranges in /etc/subuid and /etc/subgid";
  return fields;
}

void check_rootless(const api::WorkloadSpec& spec, const MachineFacts& facts, schema::Violations& out) {
  if (!facts.no_ports.empty() && !spec.ports.empty()) out.push_back({"ports", facts.no_ports});
  if (!facts.no_ports.empty() && spec.publish_all) out.push_back({"publishAll", facts.no_ports});
  if (!facts.rootless) return;
  check_limits(spec, facts, out);
  if (!spec.security.userns.empty() && spec.security.userns != "host") {
    out.push_back({"security.userns",
                   "layers can be mapped to a further user namespace by the machine's own root only; root inside is an "
                   "ordinary user outside anyway"});
  }
  if (const auto score = spec.resources.oom_score_adj) {
    const auto own = std::strtol(sys::read_file("/proc/self/oom_score_adj", 64).value_or("0").c_str(), nullptr, 10);
    if (*score < own) out.push_back({"resources.oomScoreAdj", fmt::format("an ordinary user cannot go below {}", own)});
  }
}

}  // namespace fulcrum::sandbox
