// How the workload file travels: one table per struct, and the short forms.
#pragma once

#include "api/workload/short_forms.h"
#include "api/workload/spec.h"
#include "schema/scalars_schema.h"
#include "schema/schema.h"

namespace fulcrum::schema {

template <>
struct EnumNames<api::Topology> {
  static constexpr std::array names{
      std::pair{api::Topology::vm, std::string_view("vm")},
      std::pair{api::Topology::thin_vm, std::string_view("thin-vm")},
      std::pair{api::Topology::vm_container, std::string_view("vm-container")},
      std::pair{api::Topology::container, std::string_view("container")},
      std::pair{api::Topology::caas, std::string_view("caas")},
      std::pair{api::Topology::on_demand, std::string_view("on-demand")},
      std::pair{api::Topology::serverless, std::string_view("serverless")},
  };
};

template <>
struct Codec<api::Command> {
  static void decode(Decoder& d, const json::value& v, api::Command& out);
  static json::value encode(const api::Command& v);
  static json::object describe(Describer&);
};
template <>
struct Codec<api::Environment> {
  static void decode(Decoder& d, const json::value& v, api::Environment& out);
  static json::value encode(const api::Environment& v);
  static json::object describe(Describer&);
};

/// A struct that may also be written as one string, parsed by `parse_short`.
template <class T, Result<T> (*parse_short)(std::string_view)>
struct ShortFormCodec : StructCodec<T> {
  static void decode(Decoder& d, const json::value& v, T& out) {
    const auto* text = v.if_string();
    if (text == nullptr) return StructCodec<T>::decode(d, v, out);
    auto parsed = parse_short(std::string_view(text->data(), text->size()));
    if (parsed) {
      out = std::move(*parsed);
    } else {
      d.violation(parsed.error().message);
    }
  }
  static json::object describe(Describer& d) {
    return {{"anyOf", json::array{json::object{{"type", "string"}}, StructCodec<T>::describe(d)}}};
  }
};
template <>
struct Codec<api::PortMapping> : ShortFormCodec<api::PortMapping, api::parse_port> {};
template <>
struct Codec<api::Mount> : ShortFormCodec<api::Mount, api::parse_volume> {};
template <>
struct Codec<api::FileReference> : ShortFormCodec<api::FileReference, api::parse_file_reference> {};
template <>
struct Codec<api::NetworkAttachment> : ShortFormCodec<api::NetworkAttachment, api::parse_network_attachment> {};
template <>
struct Codec<api::Device> : ShortFormCodec<api::Device, api::parse_device> {};
template <>
struct Codec<api::RestartPolicy> : ShortFormCodec<api::RestartPolicy, api::parse_restart> {};

constexpr auto absolute_path() {
  return satisfies([](const std::string& path) -> std::optional<std::string> {
    if (path.empty() || path[0] == '/') return std::nullopt;
    return "\"" + path + "\" is not an absolute path";
  });
}

template <>
struct Schema<api::PortMapping> {
  static constexpr std::string_view name = "PortMapping";
  static constexpr std::string_view doc = "One published port. Short form: `[hostIp:][hostPort[-end]:]port[-end][/protocol]`.";
  static constexpr auto fields = std::tuple{
      optional("hostIp", &api::PortMapping::host_ip, "Address on the host; empty: every address."),
      optional("hostPort", &api::PortMapping::host_port, "Port on the host; 0: chosen by the engine."),
      required("port", &api::PortMapping::port, "Port inside the workload.", in_range(1, 65535)),
      optional("count", &api::PortMapping::count, "How many ports in a row.", in_range(1, 65535)),
      optional("protocol", &api::PortMapping::protocol, "tcp or udp.", one_of("tcp", "udp")),
      optional("name", &api::PortMapping::name, "A name for services."),
  };
};

template <>
struct Schema<api::Mount> {
  static constexpr std::string_view name = "Mount";
  static constexpr std::string_view doc = "One mount. Short form: `[source:]target[:options]`.";
  static constexpr auto fields = std::tuple{
      optional("type", &api::Mount::type, "What is mounted.", one_of("volume", "bind", "tmpfs", "image")),
      optional("source", &api::Mount::source, "Volume name (empty: anonymous), host path, or image."),
      required("target", &api::Mount::target, "Absolute path inside the workload.", not_empty(), absolute_path()),
      optional("readOnly", &api::Mount::read_only, "Writes are refused."),
      optional("noCopy", &api::Mount::no_copy, "A new volume is not filled with what the image has at target."),
      optional("subpath", &api::Mount::subpath, "A folder within the volume or image."),
      optional("propagation", &api::Mount::propagation, "Bind propagation.",
               one_of("", "rprivate", "private", "rshared", "shared", "rslave", "slave")),
      optional("createSource", &api::Mount::create_source, "Make a missing host folder."),
      optional("recursiveReadOnly", &api::Mount::recursive_read_only, "Submounts of a read-only bind are read-only too."),
      optional("nonRecursive", &api::Mount::non_recursive, "Submounts of a bind do not appear."),
      optional("size", &api::Mount::size, "Limit of a tmpfs."),
      optional("mode", &api::Mount::mode, "Permission bits of a tmpfs."),
      optional("options", &api::Mount::options, "Further tmpfs mount options."),
      optional("driverOptions", &api::Mount::driver_options, "Options for creating the volume."),
      optional("labels", &api::Mount::labels, "Labels for creating the volume."),
  };
};

template <>
struct Schema<api::FileReference> {
  static constexpr std::string_view name = "FileReference";
  static constexpr std::string_view doc = "A secret or config as a file. Short form: its name.";
  static constexpr auto fields = std::tuple{
      required("source", &api::FileReference::source, "Name of the secret or config.", not_empty()),
      optional("target", &api::FileReference::target, "Path inside; relative to /run/secrets (secrets) or / (configs)."),
      optional("uid", &api::FileReference::uid, "Owner."),
      optional("gid", &api::FileReference::gid, "Group."),
      optional("mode", &api::FileReference::mode, "Permission bits.", in_range(0, 07777)),
  };
};

template <>
struct Schema<api::NetworkAttachment> {
  static constexpr std::string_view name = "NetworkAttachment";
  static constexpr std::string_view doc = "Membership of a network. Short form: its name.";
  static constexpr auto fields = std::tuple{
      required("name", &api::NetworkAttachment::name, "The network.", not_empty()),
      optional("aliases", &api::NetworkAttachment::aliases, "Further names that resolve on this network."),
      optional("ip", &api::NetworkAttachment::ip, "Fixed IPv4 address."),
      optional("ip6", &api::NetworkAttachment::ip6, "Fixed IPv6 address."),
      optional("mac", &api::NetworkAttachment::mac, "Fixed MAC address."),
      optional("priority", &api::NetworkAttachment::priority, "The highest gives the default route."),
  };
};

template <>
struct Schema<api::Ulimit> {
  static constexpr std::string_view name = "Ulimit";
  static constexpr std::string_view doc = "A resource limit of each process.";
  static constexpr auto fields = std::tuple{required("soft", &api::Ulimit::soft, "Soft limit; -1: unlimited."),
                                            required("hard", &api::Ulimit::hard, "Hard limit; -1: unlimited.")};
};

template <>
struct Schema<api::BlockDeviceLimit> {
  static constexpr std::string_view name = "BlockDeviceLimit";
  static constexpr std::string_view doc = "A limit for one block device.";
  static constexpr auto fields =
      std::tuple{required("path", &api::BlockDeviceLimit::path, "Device node on the host.", not_empty(), absolute_path()),
                 required("rate", &api::BlockDeviceLimit::rate, "Bytes or operations a second, or the weight.")};
};

template <>
struct Schema<api::Resources> {
  static constexpr std::string_view name = "Resources";
  static constexpr std::string_view doc = "Limits. What is absent is not limited.";
  static constexpr auto fields = std::tuple{
      optional("cpus", &api::Resources::cpus, "CPUs of time, parts allowed.", satisfies([](double v) -> std::optional<std::string> {
                 return v > 0 && v < 1e6 ? std::nullopt : std::optional<std::string>("must be above 0");
               })),
      optional("memory", &api::Resources::memory, "Memory limit; the workload is OOM-killed above it."),
      optional("memoryReservation", &api::Resources::memory_reservation, "What is left to it when memory is short."),
      optional("memorySwap", &api::Resources::memory_swap, "Memory and swap together, as a size; \"-1\": unlimited swap."),
      optional("memorySwappiness", &api::Resources::memory_swappiness, "0 to 100.", in_range(0, 100)),
      optional("oomKillDisable", &api::Resources::oom_kill_disable, "Wait for memory instead of being killed (cgroup v1 only)."),
      optional("oomScoreAdj", &api::Resources::oom_score_adj, "Preference of the host's OOM killer.", in_range(-1000, 1000)),
      optional("cpuShares", &api::Resources::cpu_shares, "Relative weight, 1024 is normal."),
      optional("cpuQuota", &api::Resources::cpu_quota, "Microseconds of CPU per period."),
      optional("cpuPeriod", &api::Resources::cpu_period, "Microseconds."),
      optional("cpuRealtimeRuntime", &api::Resources::cpu_realtime_runtime, "Microseconds of real-time scheduling per period."),
      optional("cpuRealtimePeriod", &api::Resources::cpu_realtime_period, "Microseconds."),
      optional("cpusetCpus", &api::Resources::cpuset_cpus, "CPUs that may be used: 0-2,4."),
      optional("cpusetMems", &api::Resources::cpuset_mems, "Memory nodes that may be used."),
      optional("pids", &api::Resources::pids, "How many processes and threads; -1: unlimited."),
      optional("blkioWeight", &api::Resources::blkio_weight, "Relative block IO weight.", in_range(10, 1000)),
      optional("blkioWeightDevice", &api::Resources::blkio_weight_device, "Weight by device."),
      optional("deviceReadBps", &api::Resources::device_read_bps, "Bytes read a second, by device."),
      optional("deviceWriteBps", &api::Resources::device_write_bps, "Bytes written a second, by device."),
      optional("deviceReadIops", &api::Resources::device_read_iops, "Reads a second, by device."),
      optional("deviceWriteIops", &api::Resources::device_write_iops, "Writes a second, by device."),
      optional("shmSize", &api::Resources::shm_size, "Size of /dev/shm."),
      optional("ulimits", &api::Resources::ulimits, "Process limits by name (nofile, nproc, core …)."),
      optional("deviceCgroupRules", &api::Resources::device_cgroup_rules, "Device access rules such as `c 1:3 rwm`."),
      optional("unified", &api::Resources::unified, "cgroup v2 files and what to write into them."),
  };
};

template <>
struct Schema<api::Device> {
  static constexpr std::string_view name = "Device";
  static constexpr std::string_view doc = "A host device. Short form: `source[:target[:rwm]]`.";
  static constexpr auto fields = std::tuple{
      required("source", &api::Device::source, "Path on the host.", not_empty(), absolute_path()),
      optional("target", &api::Device::target, "Path inside; default: the same.", absolute_path()),
      optional("permissions", &api::Device::permissions, "Any of r, w, m."),
  };
};

template <>
struct Schema<api::Security> {
  static constexpr std::string_view name = "Security";
  static constexpr std::string_view doc = "What the workload may do.";
  static constexpr auto fields = std::tuple{
      optional("privileged", &api::Security::privileged, "All capabilities, all devices, no seccomp filter, no masked paths."),
      optional("capAdd", &api::Security::cap_add, "Capabilities beyond the default set, or ALL."),
      optional("capDrop", &api::Security::cap_drop, "Capabilities taken from the default set, or ALL."),
      optional("noNewPrivileges", &api::Security::no_new_privileges, "Set-user-ID programs gain nothing."),
      optional("readOnlyRoot", &api::Security::read_only_root, "The root file system cannot be written."),
      optional("seccomp", &api::Security::seccomp, "`unconfined`, a profile as JSON text, or empty for the default profile."),
      optional("apparmor", &api::Security::apparmor, "AppArmor profile."),
      optional("selinux", &api::Security::selinux, "SELinux label options."),
      optional("devices", &api::Security::devices, "Host devices."),
      optional("sysctls", &api::Security::sysctls, "Kernel parameters of the workload's own namespaces."),
      optional("maskedPaths", &api::Security::masked_paths, "Paths hidden; absent: the default list."),
      optional("readonlyPaths", &api::Security::readonly_paths, "Paths made read-only; absent: the default list."),
      optional("userns", &api::Security::userns, "User namespace: empty (the daemon's default), `host`, `auto` (a range of its own)."),
  };
};

template <>
struct Schema<api::Namespaces> {
  static constexpr std::string_view name = "Namespaces";
  static constexpr std::string_view doc = "Whose namespaces are used: `private`, `host`, or `container:NAME`.";
  static constexpr auto fields = std::tuple{
      optional("pid", &api::Namespaces::pid, "Process IDs."),
      optional("ipc", &api::Namespaces::ipc, "IPC and /dev/shm; also `shareable` and `none`."),
      optional("uts", &api::Namespaces::uts, "Host name: `private` or `host`."),
      optional("cgroup", &api::Namespaces::cgroup, "cgroup view: `private` or `host`."),
  };
};

template <>
struct Schema<api::Health> {
  static constexpr std::string_view name = "Health";
  static constexpr std::string_view doc = "How health is found out: by command, http or tcp.";
  static constexpr auto fields = std::tuple{
      optional("command", &api::Health::command, "Run inside; exit 0 is healthy."),
      optional("shell", &api::Health::shell, "The command is one string for /bin/sh -c."),
      optional("http", &api::Health::http, "Path to GET; 200 to 399 is healthy.", absolute_path()),
      optional("port", &api::Health::port, "Port for http and tcp.", in_range(1, 65535)),
      optional("tcp", &api::Health::tcp, "A connection to port is healthy."),
      optional("interval", &api::Health::interval, "Between probes; default 30s."),
      optional("timeout", &api::Health::timeout, "Of one probe; default 30s."),
      optional("startPeriod", &api::Health::start_period, "Failures in this time do not count."),
      optional("startInterval", &api::Health::start_interval, "Between probes in the start period; default 5s."),
      optional("retries", &api::Health::retries, "Failures in a row that make it unhealthy; default 3."),
      optional("disable", &api::Health::disable, "No check, not even the image's."),
  };
  static void check(Decoder& d, const api::Health& v);
};

template <>
struct Schema<api::RestartPolicy> {
  static constexpr std::string_view name = "RestartPolicy";
  static constexpr std::string_view doc = "When a workload that ended is started again. Short form: `on-failure:3`.";
  static constexpr auto fields = std::tuple{
      required("name", &api::RestartPolicy::name, "The policy.", one_of("no", "always", "unless-stopped", "on-failure")),
      optional("maxRetries", &api::RestartPolicy::max_retries, "on-failure: give up after so many; 0: never."),
  };
};

template <>
struct Schema<api::LogOptions> {
  static constexpr std::string_view name = "LogOptions";
  static constexpr std::string_view doc = "Where output is kept.";
  static constexpr auto fields = std::tuple{
      optional("driver", &api::LogOptions::driver, "local (rotated files), json-file (the same), or none.",
               one_of("local", "json-file", "none")),
      optional("maxSize", &api::LogOptions::max_size, "Of one file; default 10Mi."),
      optional("maxFiles", &api::LogOptions::max_files, "How many files; default 5.", in_range(1, 1000)),
  };
};

template <>
struct Schema<api::Dependency> {
  static constexpr std::string_view name = "Dependency";
  static constexpr std::string_view doc = "How far another workload must have come first.";
  static constexpr auto fields =
      std::tuple{optional("condition", &api::Dependency::condition, "How far.", one_of("started", "healthy", "completed"))};
};

template <>
struct Schema<api::WorkloadSpec> {
  static constexpr std::string_view name = "Workload";
  static constexpr std::string_view doc = "What a user declares: the workload file.";
  static constexpr auto fields = std::tuple{
      optional("name", &api::WorkloadSpec::name, "Its name: letters, digits, `_`, `.`, `-`; empty: made up.", satisfies(api::check_name)),
      optional("topology", &api::WorkloadSpec::topology, "The point of the continuum that it runs at."),
      optional("labels", &api::WorkloadSpec::labels, "Labels."),
      optional("annotations", &api::WorkloadSpec::annotations, "Free notes."),
      optional("image", &api::WorkloadSpec::image, "An OCI image."),
      optional("disk", &api::WorkloadSpec::disk, "A disk image."),
      optional("code", &api::WorkloadSpec::code, "A zip or folder of code."),
      optional("runtime", &api::WorkloadSpec::runtime, "Language runtime of the code."),
      optional("handler", &api::WorkloadSpec::handler, "Entry point of the code."),
      optional("pull", &api::WorkloadSpec::pull, "When the image is pulled.", one_of("missing", "always", "never")),
      optional("platform", &api::WorkloadSpec::platform, "os/arch[/variant] to choose from an index."),
      optional("entrypoint", &api::WorkloadSpec::entrypoint, "Replaces the image's entrypoint; an empty list removes it."),
      optional("command", &api::WorkloadSpec::command, "Replaces the image's command."),
      optional("env", &api::WorkloadSpec::env, "Environment, as a map or a list of NAME=value."),
      optional("workingDir", &api::WorkloadSpec::working_dir, "Working directory.", absolute_path()),
      optional("user", &api::WorkloadSpec::user, "user[:group], names or numbers."),
      optional("groups", &api::WorkloadSpec::groups, "Supplementary groups."),
      optional("hostname", &api::WorkloadSpec::hostname, "Host name; default: from the name."),
      optional("domainname", &api::WorkloadSpec::domainname, "NIS domain name."),
      optional("tty", &api::WorkloadSpec::tty, "A terminal."),
      optional("stdinOpen", &api::WorkloadSpec::stdin_open, "Keep standard input open."),
      optional("stdinOnce", &api::WorkloadSpec::stdin_once, "Close standard input when the first client leaves."),
      optional("init", &api::WorkloadSpec::init, "A small init as PID 1."),
      optional("stopSignal", &api::WorkloadSpec::stop_signal, "Signal that asks it to stop; default: the image's, else SIGTERM."),
      optional("stopTimeout", &api::WorkloadSpec::stop_timeout, "Then it is killed; default 10s."),
      optional("restart", &api::WorkloadSpec::restart, "Restart policy."),
      optional("autoRemove", &api::WorkloadSpec::auto_remove, "Remove it when it ends."),
      optional("replicas", &api::WorkloadSpec::replicas, "How many."),
      optional("network", &api::WorkloadSpec::network, "none, host, container:NAME, or a network; empty: the default network."),
      optional("networks", &api::WorkloadSpec::networks, "Networks it joins."),
      optional("ports", &api::WorkloadSpec::ports, "Published ports."),
      optional("expose", &api::WorkloadSpec::expose, "Ports it listens on."),
      optional("publishAll", &api::WorkloadSpec::publish_all, "Publish every exposed port."),
      optional("dns", &api::WorkloadSpec::dns, "DNS servers."),
      optional("dnsSearch", &api::WorkloadSpec::dns_search, "DNS search domains."),
      optional("dnsOptions", &api::WorkloadSpec::dns_options, "resolv.conf options."),
      optional("extraHosts", &api::WorkloadSpec::extra_hosts, "Names in /etc/hosts; `host-gateway` is the host."),
      optional("volumes", &api::WorkloadSpec::volumes, "Mounts."),
      optional("secrets", &api::WorkloadSpec::secrets, "Secrets as files."),
      optional("configs", &api::WorkloadSpec::configs, "Configs as files."),
      optional("resources", &api::WorkloadSpec::resources, "Limits."),
      optional("security", &api::WorkloadSpec::security, "What it may do."),
      optional("namespaces", &api::WorkloadSpec::namespaces, "Whose namespaces it uses."),
      optional("cgroupParent", &api::WorkloadSpec::cgroup_parent, "cgroup below which its own is made."),
      optional("health", &api::WorkloadSpec::health, "Health check; absent: the image's."),
      optional("log", &api::WorkloadSpec::log, "Where output is kept."),
      optional("dependsOn", &api::WorkloadSpec::depends_on, "Start order within one file."),
  };
  static void check(Decoder& d, const api::WorkloadSpec& v);
};

}  // namespace fulcrum::schema
