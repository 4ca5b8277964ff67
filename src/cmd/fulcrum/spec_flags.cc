#include "cmd/fulcrum/spec_flags.h"

#include <CLI/CLI.hpp>

#include "cmd/fulcrum/verb.h"

namespace fulcrum::cli {

void SpecFlags::declare(CLI::App& app) {
  declare_process(app);
  declare_network(app);
  declare_storage(app);
  declare_resources(app);
  declare_security(app);
  declare_health(app);
}

void SpecFlags::declare_process(CLI::App& app) {
  app.add_option("--name", name_, "Name of the workload");
  app.add_option("--topology", topology_, "Point of the continuum: vm, thin-vm, vm-container, container, caas, on-demand, serverless");
  app.add_flag("-i,--interactive", interactive, "Keep standard input open");
  app.add_flag("-t,--tty", tty, "A terminal");
  app.add_flag("--rm", remove_, "Remove it when it ends");
  app.add_flag("--init", init_, "A small init as PID 1");
  app.add_option("--pull", pull_, "When to pull: missing, always, never");
  app.add_option("--platform", platform_, "os/arch[/variant] to choose from an index");
  app.add_option("--entrypoint", entrypoint_, "Replaces the image's entrypoint; \"\" removes it")->each([this](const std::string&) {
    has_entrypoint_ = true;
  });
  add_list(app, "-e,--env", env_, "NAME=value, or NAME to take it from here");
  add_list(app, "--env-file", env_files_, "File of NAME=value lines");
  add_list(app, "-l,--label", labels_, "key=value");
  add_list(app, "--label-file", label_files_, "File of key=value lines");
  add_list(app, "--annotation", annotations_, "key=value");
  app.add_option("-w,--workdir", workdir_, "Working directory");
  app.add_option("-u,--user", user_, "user[:group]");
  add_list(app, "--group-add", groups_, "Supplementary group");
  app.add_option("--hostname", hostname_, "Host name");
  app.add_option("--domainname", domainname_, "NIS domain name");
  app.add_option("--stop-signal", stop_signal_, "Signal that asks it to stop");
  app.add_option("--stop-timeout", stop_timeout_, "Seconds (or 1m30s) until it is killed");
  app.add_option("--restart", restart_, "no, always, unless-stopped, on-failure[:N]");
  app.add_option("--log-driver", log_driver_, "local, json-file or none");
  add_list(app, "--log-opt", log_options_, "max-size=10Mi, max-file=5");
}

void SpecFlags::declare_network(CLI::App& app) {
  add_list(app, "--network,--net", networks_, "Network, none, host, container:NAME, or name=net,alias=…,ip=…");
  add_list(app, "--network-alias", aliases_, "Further name on the network");
  app.add_option("--ip", ip_, "Fixed IPv4 address");
  app.add_option("--ip6", ip6_, "Fixed IPv6 address");
  app.add_option("--mac-address", mac_, "Fixed MAC address");
  add_list(app, "-p,--publish", ports_, "[hostIp:][hostPort:]port[/protocol]");
  app.add_flag("-P,--publish-all", publish_all_, "Publish every exposed port");
  add_list(app, "--expose", expose_, "Port it listens on");
  add_list(app, "--dns", dns_, "DNS server");
  add_list(app, "--dns-search", dns_search_, "DNS search domain");
  add_list(app, "--dns-option", dns_options_, "resolv.conf option");
  add_list(app, "--add-host", hosts_, "name:address, or name:host-gateway");
}

void SpecFlags::declare_storage(CLI::App& app) {
  add_list(app, "-v,--volume", volumes_, "[source:]target[:options]");
  add_list(app, "--mount", mounts_, "type=volume|bind|tmpfs|image,source=…,target=…");
  add_list(app, "--tmpfs", tmpfs_, "target[:size=64m,mode=1777,…]");
  add_list(app, "--secret", secrets_, "name, or source=name,target=…,mode=…");
  add_list(app, "--config", configs_, "name, or source=name,target=…,mode=…");
  app.add_flag("--read-only", read_only_, "The root file system cannot be written");
  app.add_option("--shm-size", shm_size_, "Size of /dev/shm");
}

void SpecFlags::declare_resources(CLI::App& app) {
  app.add_option("-m,--memory", memory_, "Memory limit");
  app.add_option("--memory-swap", memory_swap_, "Memory and swap; -1: unlimited swap");
  app.add_option("--memory-reservation", memory_reservation_, "Left to it when memory is short");
  app.add_option("--memory-swappiness", memory_swappiness_, "0 to 100");
  app.add_flag("--oom-kill-disable", oom_kill_disable_, "Wait for memory instead of being killed");
  app.add_option("--oom-score-adj", oom_score_adj_, "-1000 to 1000");
  app.add_option("--cpus", cpus_, "CPUs of time");
  app.add_option("-c,--cpu-shares", cpu_shares_, "Relative weight");
  app.add_option("--cpu-quota", cpu_quota_, "Microseconds per period");
  app.add_option("--cpu-period", cpu_period_, "Microseconds");
  app.add_option("--cpuset-cpus", cpuset_cpus_, "CPUs that may be used: 0-2,4");
  app.add_option("--cpuset-mems", cpuset_mems_, "Memory nodes that may be used");
  app.add_option("--pids-limit", pids_, "Processes and threads; -1: unlimited");
  app.add_option("--blkio-weight", blkio_weight_, "10 to 1000");
  add_list(app, "--blkio-weight-device", weight_device_, "/dev/x:weight");
  add_list(app, "--device-read-bps", read_bps_, "/dev/x:rate");
  add_list(app, "--device-write-bps", write_bps_, "/dev/x:rate");
  add_list(app, "--device-read-iops", read_iops_, "/dev/x:rate");
  add_list(app, "--device-write-iops", write_iops_, "/dev/x:rate");
  add_list(app, "--ulimit", ulimits_, "name=soft[:hard]");
  app.add_option("--cgroup-parent", cgroup_parent_, "cgroup below which its own is made");
}

void SpecFlags::declare_security(CLI::App& app) {
  app.add_flag("--privileged", privileged_, "All capabilities and devices, no filters");
  add_list(app, "--cap-add", cap_add_, "Capability, or ALL");
  add_list(app, "--cap-drop", cap_drop_, "Capability, or ALL");
  add_list(app, "--security-opt", security_opt_, "no-new-privileges, seccomp=unconfined|FILE, apparmor=…, label=…, systempaths=unconfined");
  add_list(app, "--device", devices_, "source[:target[:rwm]]");
  add_list(app, "--device-cgroup-rule", device_rules_, "\"c 1:3 rwm\"");
  add_list(app, "--sysctl", sysctls_, "name=value");
  app.add_option("--pid", pid_, "private, host, container:NAME");
  app.add_option("--ipc", ipc_, "private, shareable, none, host, container:NAME");
  app.add_option("--uts", uts_, "private or host");
  app.add_option("--userns", userns_, "host or auto");
  app.add_option("--cgroupns", cgroupns_, "private or host");
}

void SpecFlags::declare_health(CLI::App& app) {
  app.add_option("--health-cmd", health_cmd_, "Command for /bin/sh -c; exit 0 is healthy");
  app.add_option("--health-http", health_http_, "Path to GET (with --health-port)");
  app.add_flag("--health-tcp", health_tcp_, "A connection is health (with --health-port)");
  app.add_option("--health-port", health_port_, "Port for http and tcp");
  app.add_option("--health-interval", health_interval_, "Between probes");
  app.add_option("--health-timeout", health_timeout_, "Of one probe");
  app.add_option("--health-start-period", health_start_period_, "Failures in this time do not count");
  app.add_option("--health-start-interval", health_start_interval_, "Between probes in that time");
  app.add_option("--health-retries", health_retries_, "Failures in a row that make it unhealthy");
  app.add_flag("--no-healthcheck", no_health_, "No check, not even the image's");
}

}  // namespace fulcrum::cli
