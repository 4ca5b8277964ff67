// How the bodies and answers of create, inspect and update travel.
#pragma once

#include "api/docker/container.h"
#include "api/docker/container_config_schema.h"
#include "api/docker/endpoint_schema.h"
#include "api/docker/host_config_schema.h"

namespace fulcrum::schema {

template <>
struct Schema<api::docker::CreateBody> {
  using T = api::docker::CreateBody;
  static constexpr std::string_view name = "ContainerCreateRequest";
  static constexpr std::string_view doc = "A container to be made.";
  static constexpr auto fields = std::tuple{embedded(&T::config), always("HostConfig", &T::host_config, "What it gets of its host."),
                                            always("NetworkingConfig", &T::networking_config, "The networks that it joins.")};
};

template <>
struct Schema<api::docker::CreateAnswer> {
  using T = api::docker::CreateAnswer;
  static constexpr std::string_view name = "ContainerCreateResponse";
  static constexpr std::string_view doc = "A container that was made.";
  static constexpr auto fields =
      std::tuple{always("Id", &T::id, "Its ID."), always("Warnings", &T::warnings, "What does not do all that was asked for.")};
};

template <>
struct Schema<api::docker::UpdateAnswer> {
  using T = api::docker::UpdateAnswer;
  static constexpr std::string_view name = "ContainerUpdateResponse";
  static constexpr std::string_view doc = "A container that was changed.";
  static constexpr auto fields = std::tuple{always("Warnings", &T::warnings, "What does not do all that was asked for.")};
};

template <>
struct Schema<api::docker::HealthcheckResult> {
  using T = api::docker::HealthcheckResult;
  static constexpr std::string_view name = "HealthcheckResult";
  static constexpr std::string_view doc = "One probe.";
  static constexpr auto fields =
      std::tuple{always("Start", &T::start, "When it began."), always("End", &T::end, "When it ended."),
                 always("ExitCode", &T::exit_code, "0: healthy."), always("Output", &T::output, "What it said.")};
};

template <>
struct Schema<api::docker::HealthState> {
  using T = api::docker::HealthState;
  static constexpr std::string_view name = "Health";
  static constexpr std::string_view doc = "What the probes say.";
  static constexpr auto fields =
      std::tuple{always("Status", &T::status, "starting, healthy or unhealthy."),
                 always("FailingStreak", &T::failing_streak, "Failures in a row."), always("Log", &T::log, "The last probes.")};
};

template <>
struct Schema<api::docker::ContainerState> {
  using T = api::docker::ContainerState;
  static constexpr std::string_view name = "ContainerState";
  static constexpr std::string_view doc = "Where a container stands.";
  static constexpr auto fields = std::tuple{
      always("Status", &T::status, "created, running, paused, restarting, removing or exited."),
      always("Running", &T::running, "Also while paused or waiting to be restarted."),
      always("Paused", &T::paused, "Paused."),
      always("Restarting", &T::restarting, "Waiting to be restarted."),
      always("OOMKilled", &T::oom_killed, "Ended for want of memory."),
      always("Dead", &T::dead, "Never."),
      always("Pid", &T::pid, "Process ID on the host; 0: none."),
      always("ExitCode", &T::exit_code, "Of the last run."),
      always("Error", &T::error, "Why it could not be started."),
      always("StartedAt", &T::started_at, "When the last run began."),
      always("FinishedAt", &T::finished_at, "When the last run ended."),
      optional("Health", &T::health, "What the probes say."),
  };
};

template <>
struct Schema<api::docker::GraphDriver> {
  using T = api::docker::GraphDriver;
  static constexpr std::string_view name = "DriverData";
  static constexpr std::string_view doc = "Where the root file system lies.";
  static constexpr auto fields = std::tuple{always("Data", &T::data, "Folders."), always("Name", &T::name, "The driver.")};
};

template <>
struct Schema<api::docker::NetworkSettings> {
  using T = api::docker::NetworkSettings;
  static constexpr std::string_view name = "NetworkSettings";
  static constexpr std::string_view doc = "A container's places in networks.";
  static constexpr auto fields = std::tuple{
      always("Bridge", &T::bridge, "Always empty."),
      always("SandboxID", &T::sandbox_id, "The network namespace; empty while it does not run."),
      always("SandboxKey", &T::sandbox_key, "Path of the network namespace."),
      always("Ports", &T::ports, "Where ports are published; null: exposed only."),
      always("HairpinMode", &T::hairpin_mode, "Always false."),
      always("LinkLocalIPv6Address", &T::link_local_ipv6_address, "Always empty."),
      always("LinkLocalIPv6PrefixLen", &T::link_local_ipv6_prefix_len, "Always 0."),
      always("SecondaryIPAddresses", &T::secondary_ip_addresses, "Always null."),
      always("SecondaryIPv6Addresses", &T::secondary_ipv6_addresses, "Always null."),
      always("EndpointID", &T::endpoint_id, "Of the default network."),
      always("Gateway", &T::gateway, "Of the default network."),
      always("GlobalIPv6Address", &T::global_ipv6_address, "In the default network."),
      always("GlobalIPv6PrefixLen", &T::global_ipv6_prefix_len, "Of the default network."),
      always("IPAddress", &T::ip_address, "In the default network."),
      always("IPPrefixLen", &T::ip_prefix_len, "Of the default network."),
      always("IPv6Gateway", &T::ipv6_gateway, "Of the default network."),
      always("MacAddress", &T::mac_address, "In the default network."),
      always("Networks", &T::networks, "By name of the network."),
  };
};

template <>
struct Schema<api::docker::ContainerInspect> {
  using T = api::docker::ContainerInspect;
  static constexpr std::string_view name = "ContainerInspectResponse";
  static constexpr std::string_view doc = "All of a container.";
  static constexpr auto fields = std::tuple{
      always("Id", &T::id, "64 hex digits."),
      always("Created", &T::created, "When it was made."),
      always("Path", &T::path, "The program."),
      always("Args", &T::args, "Its arguments."),
      always("State", &T::state, "Where it stands."),
      always("Image", &T::image, "ID of its image."),
      always("ResolvConfPath", &T::resolv_conf_path, "Its /etc/resolv.conf on the host; empty while it does not run."),
      always("HostnamePath", &T::hostname_path, "Its /etc/hostname on the host; empty while it does not run."),
      always("HostsPath", &T::hosts_path, "Its /etc/hosts on the host; empty while it does not run."),
      always("LogPath", &T::log_path, "Its newest log file; empty with the driver none."),
      always("Name", &T::name, "Its name, after a slash."),
      always("RestartCount", &T::restart_count, "Restarts by policy."),
      always("Driver", &T::driver, "What makes the root file system."),
      always("Platform", &T::platform, "linux."),
      always("MountLabel", &T::mount_label, "Always empty."),
      always("ProcessLabel", &T::process_label, "Always empty."),
      always("AppArmorProfile", &T::app_armor_profile, "AppArmor profile."),
      always("ExecIDs", &T::exec_ids, "Processes started beside the first."),
      always("HostConfig", &T::host_config, "What it gets of its host."),
      always("GraphDriver", &T::graph_driver, "Where the root file system lies."),
      optional("SizeRw", &T::size_rw, "Bytes that it wrote."),
      optional("SizeRootFs", &T::size_root_fs, "Bytes of all its files."),
      always("Mounts", &T::mounts, "Mounts."),
      always("Config", &T::config, "What it runs."),
      always("NetworkSettings", &T::network_settings, "Its places in networks."),
  };
};

}  // namespace fulcrum::schema
