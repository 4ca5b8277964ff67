// How the stored resources travel.
#pragma once

#include "api/workload/spec_schema.h"
#include "api/workload/workload.h"

namespace fulcrum::schema {

template <>
struct EnumNames<api::Phase> {
  static constexpr std::array names{
      std::pair{api::Phase::pending, std::string_view("pending")},       std::pair{api::Phase::creating, std::string_view("creating")},
      std::pair{api::Phase::created, std::string_view("created")},       std::pair{api::Phase::starting, std::string_view("starting")},
      std::pair{api::Phase::running, std::string_view("running")},       std::pair{api::Phase::paused, std::string_view("paused")},
      std::pair{api::Phase::stopping, std::string_view("stopping")},     std::pair{api::Phase::stopped, std::string_view("stopped")},
      std::pair{api::Phase::restarting, std::string_view("restarting")}, std::pair{api::Phase::failed, std::string_view("failed")},
      std::pair{api::Phase::removing, std::string_view("removing")},
  };
};

template <>
struct Schema<api::Metadata> {
  static constexpr std::string_view name = "Metadata";
  static constexpr std::string_view doc = "What the engine knows of every resource.";
  static constexpr auto fields = std::tuple{
      always("uid", &api::Metadata::uid, "64 hex digits, never reused."),
      always("project", &api::Metadata::project, "The tenant."),
      always("created", &api::Metadata::created, "When it was made."),
      always("revision", &api::Metadata::revision, "Revision of the store."),
      always("generation", &api::Metadata::generation, "Grows with each change of spec."),
      optional("deleting", &api::Metadata::deleting, "Set while it is on its way out."),
  };
};

template <>
struct Schema<api::Intent> {
  static constexpr std::string_view name = "Intent";
  static constexpr std::string_view doc = "What was last asked for.";
  static constexpr auto fields = std::tuple{
      always("state", &api::Intent::state, "created, running, paused or stopped."),
      optional("starts", &api::Intent::starts, "How often a start was asked for."),
      optional("stops", &api::Intent::stops, "How often a stop was asked for."),
      optional("stopSignal", &api::Intent::stop_signal, "Signal of the last stop."),
      optional("stopTimeout", &api::Intent::stop_timeout, "Timeout of the last stop."),
      optional("removeVolumes", &api::Intent::remove_volumes, "Anonymous volumes go too when it is deleted."),
      optional("byUser", &api::Intent::by_user, "The last stop was asked for."),
      optional("rebuilds", &api::Intent::rebuilds, "How often a change of spec wanted a fresh file system."),
  };
};

template <>
struct Schema<api::EndpointStatus> {
  static constexpr std::string_view name = "EndpointStatus";
  static constexpr std::string_view doc = "One address on one network.";
  static constexpr auto fields = std::tuple{
      always("network", &api::EndpointStatus::network, "Network name."),
      optional("networkId", &api::EndpointStatus::network_id, "Network ID."),
      optional("endpointId", &api::EndpointStatus::endpoint_id, "Endpoint ID."),
      optional("interface", &api::EndpointStatus::interface, "Interface inside."),
      optional("ip", &api::EndpointStatus::ip, "IPv4 address."),
      optional("prefix", &api::EndpointStatus::prefix, "Prefix length."),
      optional("gateway", &api::EndpointStatus::gateway, "Gateway."),
      optional("ip6", &api::EndpointStatus::ip6, "IPv6 address."),
      optional("prefix6", &api::EndpointStatus::prefix6, "Prefix length."),
      optional("gateway6", &api::EndpointStatus::gateway6, "Gateway."),
      optional("mac", &api::EndpointStatus::mac, "MAC address."),
      optional("aliases", &api::EndpointStatus::aliases, "Names that resolve to it."),
  };
};

template <>
struct Schema<api::HealthResult> {
  static constexpr std::string_view name = "HealthResult";
  static constexpr std::string_view doc = "One probe.";
  static constexpr auto fields = std::tuple{
      always("start", &api::HealthResult::start, "When it began."),
      always("end", &api::HealthResult::end, "When it ended."),
      always("exitCode", &api::HealthResult::exit_code, "0: healthy."),
      always("output", &api::HealthResult::output, "The first 4 KiB."),
  };
};

template <>
struct Schema<api::HealthStatus> {
  static constexpr std::string_view name = "HealthStatus";
  static constexpr std::string_view doc = "What the probes say.";
  static constexpr auto fields = std::tuple{
      always("status", &api::HealthStatus::status, "none, starting, healthy or unhealthy."),
      optional("failingStreak", &api::HealthStatus::failing_streak, "Failures in a row."),
      optional("log", &api::HealthStatus::log, "The last five probes."),
  };
};

template <>
struct Schema<api::MountStatus> {
  static constexpr std::string_view name = "MountStatus";
  static constexpr std::string_view doc = "A resolved mount.";
  static constexpr auto fields = std::tuple{
      always("type", &api::MountStatus::type, "volume, bind, tmpfs or image."),
      optional("name", &api::MountStatus::name, "Volume name."),
      optional("source", &api::MountStatus::source, "Path on the host."),
      always("target", &api::MountStatus::target, "Path inside."),
      optional("driver", &api::MountStatus::driver, "Volume driver."),
      optional("readOnly", &api::MountStatus::read_only, "Writes are refused."),
      optional("anonymous", &api::MountStatus::anonymous, "The volume has no name of a user's."),
      optional("propagation", &api::MountStatus::propagation, "Bind propagation."),
  };
};

template <>
struct Schema<api::WorkloadStatus> {
  static constexpr std::string_view name = "WorkloadStatus";
  static constexpr std::string_view doc = "What the engine observed.";
  static constexpr auto fields = std::tuple{
      always("phase", &api::WorkloadStatus::phase, "Where it stands."),
      optional("reason", &api::WorkloadStatus::reason, "One word for programs."),
      optional("message", &api::WorkloadStatus::message, "For people."),
      optional("observedGeneration", &api::WorkloadStatus::observed_generation, "The generation that runs."),
      optional("starts", &api::WorkloadStatus::starts, "Starts carried out."),
      optional("stops", &api::WorkloadStatus::stops, "Stops carried out."),
      optional("run", &api::WorkloadStatus::run, "How often a process was started."),
      optional("pid", &api::WorkloadStatus::pid, "Process ID on the host."),
      optional("exitCode", &api::WorkloadStatus::exit_code, "Of the last run; 128 + signal when killed."),
      optional("exitSignal", &api::WorkloadStatus::exit_signal, "The signal that ended it."),
      optional("oomKilled", &api::WorkloadStatus::oom_killed, "The kernel ended it for want of memory."),
      optional("restarts", &api::WorkloadStatus::restarts, "Restarts by policy."),
      optional("started", &api::WorkloadStatus::started, "When the last run began."),
      optional("finished", &api::WorkloadStatus::finished, "When the last run ended."),
      optional("restartAt", &api::WorkloadStatus::restart_at, "When the back-off ends."),
      optional("backoff", &api::WorkloadStatus::backoff, "The last delay before a restart by policy."),
      optional("killAt", &api::WorkloadStatus::kill_at, "When it is killed, while stopping."),
      optional("rebuilds", &api::WorkloadStatus::rebuilds, "Rebuilds carried out."),
      optional("health", &api::WorkloadStatus::health, "What the probes say."),
      optional("imageId", &api::WorkloadStatus::image_id, "The image that it runs."),
      optional("networks", &api::WorkloadStatus::networks, "Its addresses."),
      optional("ports", &api::WorkloadStatus::ports, "Published ports with host ports filled in."),
      optional("mounts", &api::WorkloadStatus::mounts, "Resolved mounts."),
      optional("isolation", &api::WorkloadStatus::isolation, "What separates it from the host."),
  };
};

template <>
struct Schema<api::Workload> {
  static constexpr std::string_view name = "WorkloadResource";
  static constexpr std::string_view doc = "A workload as the engine keeps it.";
  static constexpr auto fields = std::tuple{
      required("metadata", &api::Workload::metadata, "What every resource has."),
      required("spec", &api::Workload::spec, "What was declared."),
      always("intent", &api::Workload::intent, "What was last asked for."),
      always("status", &api::Workload::status, "What was observed."),
  };
};

template <>
struct Schema<api::VolumeSpec> {
  static constexpr std::string_view name = "VolumeSpec";
  static constexpr std::string_view doc = "A named volume.";
  static constexpr auto fields = std::tuple{
      always("name", &api::VolumeSpec::name, "Its name; empty: made up.", satisfies(api::check_name)),
      always("driver", &api::VolumeSpec::driver, "Where the data is.", one_of("local")),
      optional("options", &api::VolumeSpec::options, "local: type, device and o as for mount(8), size."),
      optional("labels", &api::VolumeSpec::labels, "Labels."),
  };
};
template <>
struct Schema<api::Volume> {
  static constexpr std::string_view name = "Volume";
  static constexpr std::string_view doc = "A volume as the engine keeps it.";
  static constexpr auto fields = std::tuple{
      required("metadata", &api::Volume::metadata, "What every resource has."),
      required("spec", &api::Volume::spec, "What was declared."),
      optional("mountpoint", &api::Volume::mountpoint, "Host path of the data."),
      optional("anonymous", &api::Volume::anonymous, "It has no name of a user's."),
  };
};

template <>
struct Schema<api::Subnet> {
  static constexpr std::string_view name = "Subnet";
  static constexpr std::string_view doc = "A range of addresses.";
  static constexpr auto fields = std::tuple{
      required("subnet", &api::Subnet::subnet, "CIDR.", not_empty()),
      optional("gateway", &api::Subnet::gateway, "Default: the first address."),
      optional("ipRange", &api::Subnet::ip_range, "CIDR within subnet from which addresses are assigned."),
      optional("reserved", &api::Subnet::reserved, "Addresses never assigned, by name."),
  };
};
template <>
struct Schema<api::NetworkSpec> {
  static constexpr std::string_view name = "NetworkSpec";
  static constexpr std::string_view doc = "A network.";
  static constexpr auto fields = std::tuple{
      required("name", &api::NetworkSpec::name, "Its name.", not_empty(), satisfies(api::check_name)),
      optional("driver", &api::NetworkSpec::driver, "bridge.", one_of("bridge", "none", "host")),
      optional("subnets", &api::NetworkSpec::subnets, "Empty: one is chosen."),
      optional("internal", &api::NetworkSpec::internal, "No way out."),
      optional("attachable", &api::NetworkSpec::attachable, "Workloads may join by hand."),
      optional("ipv6", &api::NetworkSpec::ipv6, "Has IPv6 addresses too."),
      optional("options", &api::NetworkSpec::options, "mtu, icc, masquerade, bridge."),
      optional("labels", &api::NetworkSpec::labels, "Labels."),
  };
};
template <>
struct Schema<api::Network> {
  static constexpr std::string_view name = "Network";
  static constexpr std::string_view doc = "A network as the engine keeps it.";
  static constexpr auto fields = std::tuple{
      required("metadata", &api::Network::metadata, "What every resource has."),
      required("spec", &api::Network::spec, "What was declared, subnets filled in."),
      optional("bridge", &api::Network::bridge, "Interface on the host."),
  };
};

template <>
struct Schema<api::FileSpec> {
  static constexpr std::string_view name = "FileSpec";
  static constexpr std::string_view doc = "Bytes under a name.";
  static constexpr auto fields = std::tuple{
      required("name", &api::FileSpec::name, "Its name.", not_empty(), satisfies(api::check_name)),
      optional("data", &api::FileSpec::data, "Base64; never shown for secrets."),
      optional("labels", &api::FileSpec::labels, "Labels."),
  };
};
template <>
struct Schema<api::StoredFile> {
  static constexpr std::string_view name = "StoredFile";
  static constexpr std::string_view doc = "A secret or config as the engine keeps it.";
  static constexpr auto fields = std::tuple{
      required("metadata", &api::StoredFile::metadata, "What every resource has."),
      required("spec", &api::StoredFile::spec, "What was declared."),
  };
};

template <>
struct Schema<api::Event> {
  static constexpr std::string_view name = "Event";
  static constexpr std::string_view doc = "Something that happened.";
  static constexpr auto fields = std::tuple{
      always("revision", &api::Event::revision, "Revision of the store."),
      always("time", &api::Event::time, "When."),
      always("type", &api::Event::type, "workload, image, volume, network or daemon."),
      always("action", &api::Event::action, "What happened."),
      optional("id", &api::Event::id, "ID of the object."),
      optional("name", &api::Event::name, "Name of the object."),
      optional("attributes", &api::Event::attributes, "More."),
  };
};

template <>
struct Schema<api::ExecSpec> {
  static constexpr std::string_view name = "ExecSpec";
  static constexpr std::string_view doc = "A process to run inside a running workload.";
  static constexpr auto fields = std::tuple{
      required("command", &api::ExecSpec::command, "What to run.", not_empty()),
      optional("env", &api::ExecSpec::env, "Added to the workload's environment."),
      optional("workingDir", &api::ExecSpec::working_dir, "Default: the workload's.", absolute_path()),
      optional("user", &api::ExecSpec::user, "Default: the workload's."),
      optional("tty", &api::ExecSpec::tty, "A terminal."),
      optional("stdinOpen", &api::ExecSpec::stdin_open, "Keep standard input open."),
      always("stdoutOpen", &api::ExecSpec::stdout_open, "Attach standard output."),
      always("stderrOpen", &api::ExecSpec::stderr_open, "Attach standard error."),
      optional("detach", &api::ExecSpec::detach, "Do not attach at all."),
      optional("privileged", &api::ExecSpec::privileged, "All capabilities."),
      optional("consoleSize", &api::ExecSpec::console_size, "Height and width of the terminal."),
      optional("detachKeys", &api::ExecSpec::detach_keys, "Keys that detach; default ctrl-p,ctrl-q."),
  };
};

template <>
struct Schema<api::Exec> {
  static constexpr std::string_view name = "Exec";
  static constexpr std::string_view doc = "A process beside a workload's first one.";
  static constexpr auto fields = std::tuple{
      required("id", &api::Exec::id, "64 hex digits."),
      required("workload", &api::Exec::workload, "Uid of its workload."),
      always("run", &api::Exec::run, "Run of the workload."),
      required("spec", &api::Exec::spec, "What was asked for."),
      always("started", &api::Exec::started, "It was started, or that was tried."),
      always("pid", &api::Exec::pid, "On the host; 0 before it was started."),
      optional("exitCode", &api::Exec::exit_code, "It ended, or could not be started."),
  };
};

}  // namespace fulcrum::schema
