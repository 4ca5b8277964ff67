// The workload file: what a user declares. Plain data; spec_schema.h says how it travels.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "schema/scalars.h"

namespace fulcrum::api {

/// The seven points of the continuum.
enum class Topology { vm, thin_vm, vm_container, container, caas, on_demand, serverless };

/// A command: a list of words, or (in a file) one string that is split as a shell splits words.
struct Command {
  std::vector<std::string> words;
  bool empty() const { return words.empty(); }
  friend bool operator==(const Command&, const Command&) = default;
};

/// Environment variables in order. Written as a map, or as a list of "NAME=value" / "NAME" (value taken from the caller's environment by
/// the command line before it is sent; a name without value that reaches the daemon is unset, which removes it from the image's
/// environment).
struct Environment {
  std::vector<std::pair<std::string, std::optional<std::string>>> variables;
  friend bool operator==(const Environment&, const Environment&) = default;
};

/// One published port. Short form: "[hostIp:][hostPort[-end]:]port[-end][/protocol]".
struct PortMapping {
  std::string host_ip;           ///< empty: every address
  std::uint16_t host_port = 0;   ///< 0: chosen by the engine
  std::uint16_t port = 0;        ///< inside the workload
  std::uint16_t count = 1;       ///< length of the range
  std::string protocol = "tcp";  ///< tcp or udp
  std::string name;              ///< optional name, used by services
  friend bool operator==(const PortMapping&, const PortMapping&) = default;
};

/// One mount. Short form: "[source:]target[:options]"; a source that starts with / . or ~ is a bind.
struct Mount {
  std::string type = "volume";  ///< volume, bind, tmpfs, image
  std::string source;           ///< volume name (empty: anonymous), host path, image reference
  std::string target;           ///< absolute path inside
  bool read_only = false;
  bool no_copy = false;                               ///< volume: do not fill a new volume with what the image has at target
  std::string subpath;                                ///< volume, image: a folder within the source
  std::string propagation;                            ///< bind: rprivate (default), private, rshared, shared, rslave, slave
  bool create_source = false;                         ///< bind: make a missing source folder (what docker -v does; --mount does not)
  bool recursive_read_only = true;                    ///< bind, with read_only: submounts too
  bool non_recursive = false;                         ///< bind: submounts do not appear
  std::optional<Size> size;                           ///< tmpfs: limit
  std::optional<std::uint32_t> mode;                  ///< tmpfs: permission bits, default 01777
  std::vector<std::string> options;                   ///< tmpfs: further mount options (exec, uid=…)
  std::map<std::string, std::string> driver_options;  ///< volume: options for creating it
  std::map<std::string, std::string> labels;          ///< volume: labels for creating it
  friend bool operator==(const Mount&, const Mount&) = default;
};

/// A secret or a config as a file in the workload. Short form: its name.
struct FileReference {
  std::string source;  ///< name of the Secret or Config
  std::string target;  ///< absolute, or relative to /run/secrets (secrets) or / (configs); default: the name
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  std::uint32_t mode = 0444;
  friend bool operator==(const FileReference&, const FileReference&) = default;
};

/// Membership of one network. Short form: its name.
struct NetworkAttachment {
  std::string name;
  std::vector<std::string> aliases;
  std::string ip;  ///< static IPv4 address; empty: assigned
  std::string ip6;
  std::string mac;
  std::int32_t priority = 0;  ///< the highest gives the default route
  friend bool operator==(const NetworkAttachment&, const NetworkAttachment&) = default;
};

struct Ulimit {
  std::int64_t soft = 0;
  std::int64_t hard = 0;  ///< -1: unlimited
  friend bool operator==(const Ulimit&, const Ulimit&) = default;
};

/// A throttle or weight for one block device.
struct BlockDeviceLimit {
  std::string path;        ///< device node on the host
  std::uint64_t rate = 0;  ///< bytes or operations per second, or the weight
  friend bool operator==(const BlockDeviceLimit&, const BlockDeviceLimit&) = default;
};

/// Limits. Everything that is absent is unlimited.
struct Resources {
  std::optional<double> cpus;  ///< whole and part CPUs of time
  std::optional<Size> memory;
  std::optional<Size> memory_reservation;
  std::optional<std::string> memory_swap;  ///< memory + swap as a size; "-1": unlimited
  std::optional<std::int64_t> memory_swappiness;
  bool oom_kill_disable = false;
  std::optional<std::int32_t> oom_score_adj;
  std::optional<std::uint64_t> cpu_shares;
  std::optional<std::int64_t> cpu_quota;    ///< microseconds per period
  std::optional<std::uint64_t> cpu_period;  ///< microseconds
  std::optional<std::int64_t> cpu_realtime_runtime;
  std::optional<std::uint64_t> cpu_realtime_period;
  std::string cpuset_cpus;
  std::string cpuset_mems;
  std::optional<std::int64_t> pids;           ///< -1: unlimited
  std::optional<std::uint16_t> blkio_weight;  ///< 10..1000
  std::vector<BlockDeviceLimit> blkio_weight_device;
  std::vector<BlockDeviceLimit> device_read_bps;
  std::vector<BlockDeviceLimit> device_write_bps;
  std::vector<BlockDeviceLimit> device_read_iops;
  std::vector<BlockDeviceLimit> device_write_iops;
  std::optional<Size> shm_size;                  ///< of /dev/shm; default 64Mi
  std::map<std::string, Ulimit> ulimits;         ///< by name without RLIMIT_, lower case: nofile
  std::vector<std::string> device_cgroup_rules;  ///< "c 1:3 rwm"
  std::map<std::string, std::string> unified;    ///< cgroup v2 files written as they are
  friend bool operator==(const Resources&, const Resources&) = default;
};

/// A device node given to the workload. Short form: "hostPath[:path[:rwm]]".
struct Device {
  std::string source;
  std::string target;  ///< default: source
  std::string permissions = "rwm";
  friend bool operator==(const Device&, const Device&) = default;
};

/// What the workload may do.
struct Security {
  bool privileged = false;
  std::vector<std::string> cap_add;  ///< names with or without CAP_, or ALL
  std::vector<std::string> cap_drop;
  bool no_new_privileges = false;
  bool read_only_root = false;
  std::string seccomp;               ///< empty: the default profile; "unconfined"; or a profile as JSON text
  std::string apparmor;              ///< profile name, "unconfined"
  std::vector<std::string> selinux;  ///< label options ("type:svirt_t", "disable")
  std::vector<Device> devices;
  std::map<std::string, std::string> sysctls;
  std::optional<std::vector<std::string>> masked_paths;    ///< absent: the default list
  std::optional<std::vector<std::string>> readonly_paths;  ///< absent: the default list
  std::string userns;  ///< "" (the daemon's default), "host", "auto" (a range of its own), "UID:SIZE" (host range)
  friend bool operator==(const Security&, const Security&) = default;
};

/// Whose namespaces are used. Each: "" or "private", "host", "container:NAME".
struct Namespaces {
  std::string pid;
  std::string ipc;     ///< also "shareable", "none"
  std::string uts;     ///< "" or "host"
  std::string cgroup;  ///< "private", "host"
  friend bool operator==(const Namespaces&, const Namespaces&) = default;
};

/// How health is found out. Exactly one of command, http, tcp; or disable.
struct Health {
  Command command;  ///< run inside; exit 0 is healthy. With shell: one string given to /bin/sh -c
  bool shell = false;
  std::string http;                        ///< path to GET; 200–399 is healthy
  std::optional<std::uint16_t> port;       ///< for http and tcp
  bool tcp = false;                        ///< a connection to port is healthy
  std::optional<Duration> interval;        ///< default 30s
  std::optional<Duration> timeout;         ///< default 30s
  std::optional<Duration> start_period;    ///< failures in this time do not count; default 0
  std::optional<Duration> start_interval;  ///< between probes in the start period; default 5s
  std::optional<std::uint32_t> retries;    ///< failures in a row that make it unhealthy; default 3
  bool disable = false;                    ///< also the image's own check
  friend bool operator==(const Health&, const Health&) = default;
};

/// "no", "always", "unless-stopped", "on-failure" or "on-failure:N".
struct RestartPolicy {
  std::string name = "no";
  std::uint32_t max_retries = 0;  ///< on-failure only; 0: no limit
  friend bool operator==(const RestartPolicy&, const RestartPolicy&) = default;
};

struct LogOptions {
  std::string driver = "local";            ///< local, json-file (same files; the Docker API's word for it) or none
  std::optional<Size> max_size;            ///< of one file; default 10Mi
  std::optional<std::uint32_t> max_files;  ///< default 5
  friend bool operator==(const LogOptions&, const LogOptions&) = default;
};

/// Start order within one file: wait until another workload has come so far.
struct Dependency {
  std::string condition = "started";  ///< started, healthy, completed
  friend bool operator==(const Dependency&, const Dependency&) = default;
};

/// What a user declares: the whole of a workload file.
struct WorkloadSpec {
  std::string name;  ///< empty: the engine makes one up
  Topology topology = Topology::container;
  std::map<std::string, std::string> labels;
  std::map<std::string, std::string> annotations;

  std::string image;  ///< an OCI image; or
  std::string disk;   ///< a disk image; or
  std::string code;   ///< a zip or folder, with:
  std::string runtime;
  std::string handler;
  std::string pull = "missing";  ///< missing, always, never
  std::string platform;          ///< os/arch[/variant]

  std::optional<Command> entrypoint;  ///< replaces the image's; an empty list removes it
  Command command;                    ///< replaces the image's
  Environment env;
  std::string working_dir;
  std::string user;                 ///< user[:group], names or numbers
  std::vector<std::string> groups;  ///< supplementary
  std::string hostname;
  std::string domainname;
  bool tty = false;
  bool stdin_open = false;
  bool stdin_once = false;               ///< close stdin when the first attached client leaves
  bool init = false;                     ///< a small init as PID 1 that reaps and forwards signals
  std::string stop_signal;               ///< default: the image's, else SIGTERM
  std::optional<Duration> stop_timeout;  ///< default 10s
  RestartPolicy restart;
  bool auto_remove = false;
  std::uint32_t replicas = 1;

  std::string network;  ///< "" (the default network, or networks), none, host, container:NAME, or a network's name
  std::vector<NetworkAttachment> networks;
  std::vector<PortMapping> ports;
  std::vector<std::string> expose;  ///< "80/tcp": documentation, and what publish_all publishes
  bool publish_all = false;
  std::vector<std::string> dns;
  std::vector<std::string> dns_search;
  std::vector<std::string> dns_options;
  std::map<std::string, std::string> extra_hosts;  ///< name → address or host-gateway

  std::vector<Mount> volumes;
  std::vector<FileReference> secrets;
  std::vector<FileReference> configs;

  Resources resources;
  Security security;
  Namespaces namespaces;
  std::string cgroup_parent;
  std::optional<Health> health;
  LogOptions log;
  std::map<std::string, Dependency> depends_on;
  friend bool operator==(const WorkloadSpec&, const WorkloadSpec&) = default;
};

}  // namespace fulcrum::api
