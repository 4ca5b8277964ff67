// How what the Engine API says of the engine itself travels.
#pragma once

#include "api/docker/system.h"
#include "schema/schema.h"

namespace fulcrum::schema {

template <>
struct Schema<api::docker::Platform> {
  using T = api::docker::Platform;
  static constexpr std::string_view name = "Platform";
  static constexpr std::string_view doc = "Whose engine it is.";
  static constexpr auto fields = std::tuple{always("Name", &T::name, "Name of the product.")};
};

template <>
struct Schema<api::docker::ComponentVersion> {
  using T = api::docker::ComponentVersion;
  static constexpr std::string_view name = "ComponentVersion";
  static constexpr std::string_view doc = "A part of the engine.";
  static constexpr auto fields = std::tuple{always("Name", &T::name, "Name."), always("Version", &T::version, "Version."),
                                            always("Details", &T::details, "More, as text.")};
};

template <>
struct Schema<api::docker::SystemVersion> {
  using T = api::docker::SystemVersion;
  static constexpr std::string_view name = "SystemVersion";
  static constexpr std::string_view doc = "Versions of the engine.";
  static constexpr auto fields = std::tuple{always("Platform", &T::platform, "Whose engine it is."),
                                            always("Components", &T::components, "Its parts."),
                                            always("Version", &T::version, "Of the engine."),
                                            always("ApiVersion", &T::api_version, "Newest version of this API."),
                                            always("MinAPIVersion", &T::min_api_version, "Oldest version of this API."),
                                            always("GitCommit", &T::git_commit, "Revision of the sources."),
                                            always("GoVersion", &T::go_version, "What it was compiled with."),
                                            always("Os", &T::os, "Operating system."),
                                            always("Arch", &T::arch, "Architecture, as Go names it."),
                                            always("KernelVersion", &T::kernel_version, "Release of the kernel."),
                                            optional("Experimental", &T::experimental, "Never."),
                                            optional("BuildTime", &T::build_time, "Date of the revision.")};
};

template <>
struct Schema<api::docker::PluginsInfo> {
  using T = api::docker::PluginsInfo;
  static constexpr std::string_view name = "PluginsInfo";
  static constexpr std::string_view doc = "Drivers that can be named.";
  static constexpr auto fields = std::tuple{always("Volume", &T::volume, "Of volumes."), always("Network", &T::network, "Of networks."),
                                            always("Authorization", &T::authorization, "None."), always("Log", &T::log, "Of logs.")};
};

template <>
struct Schema<api::docker::IndexInfo> {
  using T = api::docker::IndexInfo;
  static constexpr std::string_view name = "IndexInfo";
  static constexpr std::string_view doc = "A registry that is configured.";
  static constexpr auto fields =
      std::tuple{always("Name", &T::name, "Its host."), always("Mirrors", &T::mirrors, "Asked before it."),
                 always("Secure", &T::secure, "TLS is verified."), always("Official", &T::official, "Docker Hub.")};
};

template <>
struct Schema<api::docker::RegistryServiceConfig> {
  using T = api::docker::RegistryServiceConfig;
  static constexpr std::string_view name = "RegistryServiceConfig";
  static constexpr std::string_view doc = "How registries are reached.";
  static constexpr auto fields =
      std::tuple{always("AllowNondistributableArtifactsCIDRs", &T::allow_nondistributable_cidrs, "Null: no longer in use."),
                 always("AllowNondistributableArtifactsHostnames", &T::allow_nondistributable_hostnames, "Null: no longer in use."),
                 always("InsecureRegistryCIDRs", &T::insecure_cidrs, "Whose TLS is not verified."),
                 always("IndexConfigs", &T::index_configs, "Registries by host."), always("Mirrors", &T::mirrors, "Of Docker Hub.")};
};

template <>
struct Schema<api::docker::Runtime> {
  using T = api::docker::Runtime;
  static constexpr std::string_view name = "Runtime";
  static constexpr std::string_view doc = "What HostConfig.Runtime may name.";
  static constexpr auto fields =
      std::tuple{always("path", &T::path, "Its program."), optional("status", &T::status, "What it tells of itself.")};
};

template <>
struct Schema<api::docker::Commit> {
  using T = api::docker::Commit;
  static constexpr std::string_view name = "Commit";
  static constexpr std::string_view doc = "A revision.";
  static constexpr auto fields = std::tuple{always("ID", &T::id, "What there is."), always("Expected", &T::expected, "What is expected.")};
};

template <>
struct Schema<api::docker::SwarmInfo> {
  using T = api::docker::SwarmInfo;
  static constexpr std::string_view name = "SwarmInfo";
  static constexpr std::string_view doc = "An engine in no swarm.";
  static constexpr auto fields = std::tuple{always("NodeID", &T::node_id, "Empty."),
                                            always("NodeAddr", &T::node_addr, "Empty."),
                                            always("LocalNodeState", &T::local_node_state, "inactive."),
                                            always("ControlAvailable", &T::control_available, "No."),
                                            always("Error", &T::error, "Empty."),
                                            always("RemoteManagers", &T::remote_managers, "Null.")};
};

template <>
struct Schema<api::docker::AddressPool> {
  using T = api::docker::AddressPool;
  static constexpr std::string_view name = "AddressPool";
  static constexpr std::string_view doc = "Where automatic networks are cut from.";
  static constexpr auto fields = std::tuple{always("Base", &T::base, "CIDR."), always("Size", &T::size, "Prefix length of a network.")};
};

template <>
struct Schema<api::docker::SystemInfo> {
  using T = api::docker::SystemInfo;
  static constexpr std::string_view name = "SystemInfo";
  static constexpr std::string_view doc = "The engine and its machine.";
  static constexpr auto fields =
      std::tuple{always("ID", &T::id, "Of the engine; kept with its data."),
                 always("Containers", &T::containers, "All of them."),
                 always("ContainersRunning", &T::containers_running, "That run."),
                 always("ContainersPaused", &T::containers_paused, "That are paused."),
                 always("ContainersStopped", &T::containers_stopped, "The rest."),
                 always("Images", &T::images, "How many."),
                 always("Driver", &T::driver, "How layers are stacked."),
                 always("DriverStatus", &T::driver_status, "Details of it."),
                 always("Plugins", &T::plugins, "Drivers that can be named."),
                 always("MemoryLimit", &T::memory_limit, "Memory can be limited."),
                 always("SwapLimit", &T::swap_limit, "Swap can be limited."),
                 always("CpuCfsPeriod", &T::cpu_cfs_period, "CPU time can be limited."),
                 always("CpuCfsQuota", &T::cpu_cfs_quota, "CPU time can be limited."),
                 always("CPUShares", &T::cpu_shares, "CPU time can be weighed."),
                 always("CPUSet", &T::cpu_set, "CPUs can be chosen."),
                 always("PidsLimit", &T::pids_limit, "Processes can be limited."),
                 always("OomKillDisable", &T::oom_kill_disable, "The OOM killer can be switched off."),
                 always("IPv4Forwarding", &T::ipv4_forwarding, "The kernel forwards IPv4."),
                 always("BridgeNfIptables", &T::bridge_nf_iptables, "No longer in use."),
                 always("BridgeNfIp6tables", &T::bridge_nf_ip6tables, "No longer in use."),
                 always("Debug", &T::debug, "The engine logs at debug."),
                 always("NFd", &T::fds, "Descriptors that are open."),
                 always("NGoroutines", &T::threads, "Threads of the engine."),
                 always("SystemTime", &T::system_time, "Now."),
                 always("LoggingDriver", &T::logging_driver, "Of containers that name none."),
                 always("CgroupDriver", &T::cgroup_driver, "cgroupfs or none."),
                 always("CgroupVersion", &T::cgroup_version, "1 or 2."),
                 always("NEventsListener", &T::events_listeners, "Streams of GET /events."),
                 always("KernelVersion", &T::kernel_version, "Release of the kernel."),
                 always("OperatingSystem", &T::operating_system, "Distribution."),
                 always("OSVersion", &T::os_version, "Its version."),
                 always("OSType", &T::os_type, "linux."),
                 always("Architecture", &T::architecture, "As uname names it."),
                 always("IndexServerAddress", &T::index_server_address, "Of Docker Hub."),
                 always("RegistryConfig", &T::registry_config, "How registries are reached."),
                 always("NCPU", &T::cpus, "CPUs that are on line."),
                 always("MemTotal", &T::memory, "Bytes of memory."),
                 always("GenericResources", &T::generic_resources, "Null."),
                 always("DockerRootDir", &T::root_dir, "The engine's data folder."),
                 always("HttpProxy", &T::http_proxy, "Of the engine's environment."),
                 always("HttpsProxy", &T::https_proxy, "Of the engine's environment."),
                 always("NoProxy", &T::no_proxy, "Of the engine's environment."),
                 always("Name", &T::name, "Host name."),
                 always("Labels", &T::labels, "Of the engine; none."),
                 always("ExperimentalBuild", &T::experimental_build, "No."),
                 always("ServerVersion", &T::server_version, "Of the engine."),
                 always("Runtimes", &T::runtimes, "What HostConfig.Runtime may name."),
                 always("DefaultRuntime", &T::default_runtime, "When none is named."),
                 always("Swarm", &T::swarm, "inactive."),
                 always("LiveRestoreEnabled", &T::live_restore_enabled, "Containers outlive the engine."),
                 always("Isolation", &T::isolation, "Empty on Linux."),
                 always("InitBinary", &T::init_binary, "What --init starts."),
                 always("ContainerdCommit", &T::containerd_commit, "There is none."),
                 always("RuncCommit", &T::runc_commit, "The engine's own runtime."),
                 always("InitCommit", &T::init_commit, "The engine's own init."),
                 always("SecurityOptions", &T::security_options, "What confines containers."),
                 optional("DefaultAddressPools", &T::default_address_pools, "Where automatic networks are cut from."),
                 optional("CDISpecDirs", &T::cdi_spec_dirs, "None."),
                 always("Warnings", &T::warnings, "What is less than it could be.")};
};

template <>
struct Schema<api::docker::AuthConfig> {
  using T = api::docker::AuthConfig;
  static constexpr std::string_view name = "AuthConfig";
  static constexpr std::string_view doc = "A credential of a registry.";
  static constexpr auto fields = std::tuple{optional("username", &T::username, "User."),
                                            optional("password", &T::password, "Password."),
                                            optional("auth", &T::auth, "base64 of user:password; the members come first."),
                                            optional("email", &T::email, "Not in use."),
                                            optional("serveraddress", &T::server_address, "The registry."),
                                            optional("identitytoken", &T::identity_token, "Instead of a password."),
                                            optional("registrytoken", &T::registry_token, "A bearer token, sent as it is.")};
};

template <>
struct Schema<api::docker::AuthAnswer> {
  using T = api::docker::AuthAnswer;
  static constexpr std::string_view name = "AuthAnswer";
  static constexpr std::string_view doc = "The outcome of a log-in.";
  static constexpr auto fields = std::tuple{always("Status", &T::status, "For people."),
                                            always("IdentityToken", &T::identity_token, "Empty: the password is to be used.")};
};

}  // namespace fulcrum::schema
