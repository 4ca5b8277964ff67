// The resources that the engine stores: Workload, Volume, Network, Secret, Config. Plain data; workload_schema.h says how they travel.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "api/workload/spec.h"

namespace fulcrum::api {

/// What the engine knows of every resource.
struct Metadata {
  std::string uid;  ///< 64 hex digits, never reused
  std::string project = "default";
  Time created{};
  std::int64_t revision = 0;     ///< of the store; filled when read, not stored
  std::int64_t generation = 0;   ///< grows with each change of spec
  std::optional<Time> deleting;  ///< set: on its way out
  friend bool operator==(const Metadata&, const Metadata&) = default;
};

/// Where a workload stands. docs/lifecycle.md shows the edges.
enum class Phase { pending, creating, created, starting, running, paused, stopping, stopped, restarting, failed, removing };

/// What a user last asked for, as counters, so that acting on it twice does nothing: the workload is started when `starts` exceeds
/// status.starts, and stopped when `stops` exceeds status.stops.
struct Intent {
  std::string state = "created";  ///< created, running, paused, stopped
  std::int64_t starts = 0;
  std::int64_t stops = 0;
  std::string stop_signal;               ///< for the last stop; empty: the spec's
  std::optional<Duration> stop_timeout;  ///< for the last stop
  bool remove_volumes = false;           ///< when deleting: anonymous volumes too
  bool by_user = false;                  ///< the last stop was asked for (unless-stopped does not restart it)
  std::int64_t rebuilds = 0;             ///< grows when a change of spec wants a fresh file system: acted on as starts and stops are
  friend bool operator==(const Intent&, const Intent&) = default;
};

/// One address of a workload on one network.
struct EndpointStatus {
  std::string network;  ///< name
  std::string network_id;
  std::string endpoint_id;
  std::string interface;  ///< inside: eth0
  std::string ip;
  std::uint32_t prefix = 0;
  std::string gateway;
  std::string ip6;
  std::uint32_t prefix6 = 0;
  std::string gateway6;
  std::string mac;
  std::vector<std::string> aliases;
  friend bool operator==(const EndpointStatus&, const EndpointStatus&) = default;
};

struct HealthResult {
  Time start{};
  Time end{};
  std::int32_t exit_code = 0;
  std::string output;  ///< the first 4 KiB
  friend bool operator==(const HealthResult&, const HealthResult&) = default;
};

struct HealthStatus {
  std::string status = "none";  ///< none, starting, healthy, unhealthy
  std::uint32_t failing_streak = 0;
  std::vector<HealthResult> log;  ///< the last five
  friend bool operator==(const HealthStatus&, const HealthStatus&) = default;
};

/// A resolved mount: what `inspect` shows.
struct MountStatus {
  std::string type;
  std::string name;    ///< volume
  std::string source;  ///< host path
  std::string target;
  std::string driver;
  bool read_only = false;
  bool anonymous = false;
  std::string propagation;
  friend bool operator==(const MountStatus&, const MountStatus&) = default;
};

/// What the engine observed.
struct WorkloadStatus {
  Phase phase = Phase::pending;
  std::string reason;   ///< one word for programs: OOMKilled, ImageNotFound, …
  std::string message;  ///< for people
  std::int64_t observed_generation = 0;
  std::int64_t starts = 0;
  std::int64_t stops = 0;
  std::int64_t run = 0;  ///< how many times a process was started, restarts included
  std::int64_t pid = 0;  ///< on the host; 0 when not running
  std::optional<std::int32_t> exit_code;
  std::int32_t exit_signal = 0;
  bool oom_killed = false;
  std::uint32_t restarts = 0;  ///< by policy
  std::optional<Time> started;
  std::optional<Time> finished;
  std::optional<Time> restart_at;   ///< while restarting: when the back-off ends
  std::optional<Duration> backoff;  ///< the last delay before a restart by policy; the next one is twice as long
  std::optional<Time> kill_at;      ///< while stopping: when it is killed
  std::int64_t rebuilds = 0;        ///< rebuilds carried out
  HealthStatus health;
  std::string image_id;
  std::vector<EndpointStatus> networks;
  std::vector<PortMapping> ports;  ///< with host ports filled in
  std::vector<MountStatus> mounts;
  std::string isolation;  ///< namespaces, or the accelerator of the machine
  friend bool operator==(const WorkloadStatus&, const WorkloadStatus&) = default;
};

struct Workload {
  Metadata metadata;
  WorkloadSpec spec;
  Intent intent;
  WorkloadStatus status;
  friend bool operator==(const Workload&, const Workload&) = default;
};

struct VolumeSpec {
  std::string name;
  std::string driver = "local";
  std::map<std::string, std::string> options;  ///< local: type, device, o (as mount -t -o), size
  std::map<std::string, std::string> labels;
  friend bool operator==(const VolumeSpec&, const VolumeSpec&) = default;
};
struct Volume {
  Metadata metadata;
  VolumeSpec spec;
  std::string mountpoint;  ///< host path of the data
  bool anonymous = false;
  friend bool operator==(const Volume&, const Volume&) = default;
};

struct Subnet {
  std::string subnet;  ///< CIDR
  std::string gateway;
  std::string ip_range;                         ///< CIDR within subnet from which addresses are assigned
  std::map<std::string, std::string> reserved;  ///< name → address never assigned
  friend bool operator==(const Subnet&, const Subnet&) = default;
};
struct NetworkSpec {
  std::string name;
  std::string driver = "bridge";
  std::vector<Subnet> subnets;  ///< empty: one is chosen
  bool internal = false;        ///< no way out
  bool attachable = true;
  bool ipv6 = false;
  std::map<std::string, std::string> options;  ///< mtu, icc, masquerade, bridge
  std::map<std::string, std::string> labels;
  friend bool operator==(const NetworkSpec&, const NetworkSpec&) = default;
};
struct Network {
  Metadata metadata;
  NetworkSpec spec;    ///< subnets filled in
  std::string bridge;  ///< interface name
  friend bool operator==(const Network&, const Network&) = default;
};

/// A Secret or a Config: bytes under a name. Secrets are never listed with their data.
struct FileSpec {
  std::string name;
  std::string data;  ///< base64
  std::map<std::string, std::string> labels;
  friend bool operator==(const FileSpec&, const FileSpec&) = default;
};
struct StoredFile {
  Metadata metadata;
  FileSpec spec;
  friend bool operator==(const StoredFile&, const StoredFile&) = default;
};

/// Something that happened, in order.
struct Event {
  std::int64_t revision = 0;
  Time time{};
  std::string type;    ///< workload, image, volume, network, daemon
  std::string action;  ///< create, start, die, oom, kill, stop, pause, resume, restart, destroy, pull, health_status, …
  std::string id;
  std::string name;
  std::map<std::string, std::string> attributes;  ///< image, exitCode, signal, labels, reason
  friend bool operator==(const Event&, const Event&) = default;
};

/// A process to run inside a running workload.
struct ExecSpec {
  Command command;
  Environment env;
  std::string working_dir;
  std::string user;
  bool tty = false;
  bool stdin_open = false;
  bool stdout_open = true;
  bool stderr_open = true;
  bool detach = false;
  bool privileged = false;
  std::vector<std::uint16_t> console_size;  ///< height, width
  std::string detach_keys;                  ///< default ctrl-p,ctrl-q
  friend bool operator==(const ExecSpec&, const ExecSpec&) = default;
};

/// A process beside a workload's first one, from the moment that it was asked for until after its end.
struct Exec {
  std::string id;
  std::string workload;  ///< uid
  std::int64_t run = 0;  ///< of the workload
  ExecSpec spec;
  bool started = false;  ///< it was tried, at least
  std::int64_t pid = 0;
  std::optional<std::int32_t> exit_code;  ///< it ended, or could not be started
  friend bool operator==(const Exec&, const Exec&) = default;
};

}  // namespace fulcrum::api
