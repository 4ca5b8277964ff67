// How a container's HostConfig travels.
#pragma once

#include "api/docker/host_config.h"
#include "schema/schema.h"

namespace fulcrum::schema {

template <>
struct Schema<api::docker::WeightDevice> {
  using T = api::docker::WeightDevice;
  static constexpr std::string_view name = "WeightDevice";
  static constexpr std::string_view doc = "Weight of one block device.";
  static constexpr auto fields = std::tuple{always("Path", &T::path, "Device."), always("Weight", &T::weight, "10 to 1000.")};
};

template <>
struct Schema<api::docker::ThrottleDevice> {
  using T = api::docker::ThrottleDevice;
  static constexpr std::string_view name = "ThrottleDevice";
  static constexpr std::string_view doc = "Limit of one block device.";
  static constexpr auto fields = std::tuple{always("Path", &T::path, "Device."), always("Rate", &T::rate, "Per second.")};
};

template <>
struct Schema<api::docker::DeviceMapping> {
  using T = api::docker::DeviceMapping;
  static constexpr std::string_view name = "DeviceMapping";
  static constexpr std::string_view doc = "A device of the host.";
  static constexpr auto fields = std::tuple{always("PathOnHost", &T::path_on_host, "Its path on the host."),
                                            always("PathInContainer", &T::path_in_container, "Its path inside."),
                                            always("CgroupPermissions", &T::cgroup_permissions, "Of r, w and m.")};
};

template <>
struct Schema<api::docker::DeviceRequest> {
  using T = api::docker::DeviceRequest;
  static constexpr std::string_view name = "DeviceRequest";
  static constexpr std::string_view doc = "Devices that a driver chooses.";
  static constexpr auto fields =
      std::tuple{always("Driver", &T::driver, "The driver."), always("Count", &T::count, "How many; -1: all."),
                 always("DeviceIDs", &T::device_ids, "Which."), always("Capabilities", &T::capabilities, "What they can do."),
                 always("Options", &T::options, "For the driver.")};
};

template <>
struct Schema<api::docker::Ulimit> {
  using T = api::docker::Ulimit;
  static constexpr std::string_view name = "Ulimit";
  static constexpr std::string_view doc = "A limit of processes.";
  static constexpr auto fields = std::tuple{always("Name", &T::name, "nofile, nproc, …"), always("Soft", &T::soft, "-1: unlimited."),
                                            always("Hard", &T::hard, "-1: unlimited.")};
};

template <>
struct Schema<api::docker::Resources> {
  using T = api::docker::Resources;
  static constexpr std::string_view name = "Resources";
  static constexpr std::string_view doc = "Limits; 0 and empty: none.";
  static constexpr auto fields = std::tuple{
      always("CpuShares", &T::cpu_shares, "Weight among others."),
      always("Memory", &T::memory, "Bytes."),
      always("NanoCpus", &T::nano_cpus, "CPUs, in billionths."),
      always("CgroupParent", &T::cgroup_parent, "cgroup below which its own is made."),
      always("BlkioWeight", &T::blkio_weight, "10 to 1000."),
      always("BlkioWeightDevice", &T::blkio_weight_device, "By device."),
      always("BlkioDeviceReadBps", &T::blkio_device_read_bps, "Bytes read per second, by device."),
      always("BlkioDeviceWriteBps", &T::blkio_device_write_bps, "Bytes written per second, by device."),
      always("BlkioDeviceReadIOps", &T::blkio_device_read_iops, "Reads per second, by device."),
      always("BlkioDeviceWriteIOps", &T::blkio_device_write_iops, "Writes per second, by device."),
      always("CpuPeriod", &T::cpu_period, "Microseconds."),
      always("CpuQuota", &T::cpu_quota, "Microseconds in each period."),
      always("CpuRealtimePeriod", &T::cpu_realtime_period, "Microseconds."),
      always("CpuRealtimeRuntime", &T::cpu_realtime_runtime, "Microseconds."),
      always("CpusetCpus", &T::cpuset_cpus, "CPUs that it may use."),
      always("CpusetMems", &T::cpuset_mems, "Memory nodes that it may use."),
      always("Devices", &T::devices, "Devices of the host."),
      always("DeviceCgroupRules", &T::device_cgroup_rules, "Rules for device access."),
      always("DeviceRequests", &T::device_requests, "Devices that drivers choose."),
      optional("KernelMemory", &T::kernel_memory, "Before 1.42."),
      optional("KernelMemoryTCP", &T::kernel_memory_tcp, "Before 1.42."),
      always("MemoryReservation", &T::memory_reservation, "Soft limit in bytes."),
      always("MemorySwap", &T::memory_swap, "Memory and swap in bytes; -1: unlimited."),
      optional("MemorySwappiness", &T::memory_swappiness, "0 to 100."),
      always("OomKillDisable", &T::oom_kill_disable, "Processes wait for memory instead of being killed."),
      always("PidsLimit", &T::pids_limit, "Processes; 0 and -1: unlimited."),
      always("Ulimits", &T::ulimits, "Limits of processes."),
      always("CpuCount", &T::cpu_count, "Windows only."),
      always("CpuPercent", &T::cpu_percent, "Windows only."),
      always("IOMaximumIOps", &T::io_maximum_iops, "Windows only."),
      always("IOMaximumBandwidth", &T::io_maximum_bandwidth, "Windows only."),
  };
};

template <>
struct Schema<api::docker::RestartPolicy> {
  using T = api::docker::RestartPolicy;
  static constexpr std::string_view name = "RestartPolicy";
  static constexpr std::string_view doc = "When it is started again.";
  static constexpr auto fields = std::tuple{always("Name", &T::name, "no, always, unless-stopped or on-failure."),
                                            always("MaximumRetryCount", &T::maximum_retry_count, "For on-failure.")};
};

template <>
struct Schema<api::docker::LogConfig> {
  using T = api::docker::LogConfig;
  static constexpr std::string_view name = "LogConfig";
  static constexpr std::string_view doc = "Where output is kept.";
  static constexpr auto fields = std::tuple{always("Type", &T::type, "The driver."), always("Config", &T::config, "Its options.")};
};

template <>
struct Schema<api::docker::PortBinding> {
  using T = api::docker::PortBinding;
  static constexpr std::string_view name = "PortBinding";
  static constexpr std::string_view doc = "Where a port is published.";
  static constexpr auto fields = std::tuple{always("HostIp", &T::host_ip, "Address on the host; empty: all."),
                                            always("HostPort", &T::host_port, "Port on the host; empty: chosen.")};
};

template <>
struct Schema<api::docker::BindOptions> {
  using T = api::docker::BindOptions;
  static constexpr std::string_view name = "BindOptions";
  static constexpr std::string_view doc = "Of a bind mount.";
  static constexpr auto fields =
      std::tuple{optional("Propagation", &T::propagation, "How mounts below it are passed on."),
                 optional("NonRecursive", &T::non_recursive, "Mounts below the source do not appear."),
                 optional("CreateMountpoint", &T::create_mountpoint, "A missing source is made."),
                 optional("ReadOnlyNonRecursive", &T::read_only_non_recursive, "Mounts below it stay writable."),
                 optional("ReadOnlyForceRecursive", &T::read_only_force_recursive, "An error when mounts below it would stay writable.")};
};

template <>
struct Schema<api::docker::VolumeDriver> {
  using T = api::docker::VolumeDriver;
  static constexpr std::string_view name = "VolumeDriver";
  static constexpr std::string_view doc = "What makes a volume.";
  static constexpr auto fields = std::tuple{optional("Name", &T::name, "The driver."), optional("Options", &T::options, "For the driver.")};
};

template <>
struct Schema<api::docker::VolumeOptions> {
  using T = api::docker::VolumeOptions;
  static constexpr std::string_view name = "VolumeOptions";
  static constexpr std::string_view doc = "Of a volume mount.";
  static constexpr auto fields = std::tuple{optional("NoCopy", &T::no_copy, "A new volume is not filled from the image."),
                                            optional("Labels", &T::labels, "Of a volume that is made."),
                                            optional("DriverConfig", &T::driver_config, "How the volume is made."),
                                            optional("Subpath", &T::subpath, "A folder within the volume.")};
};

template <>
struct Schema<api::docker::TmpfsOptions> {
  using T = api::docker::TmpfsOptions;
  static constexpr std::string_view name = "TmpfsOptions";
  static constexpr std::string_view doc = "Of a tmpfs mount.";
  static constexpr auto fields = std::tuple{optional("SizeBytes", &T::size_bytes, "Limit."), optional("Mode", &T::mode, "Permission bits."),
                                            optional("Options", &T::options, "Further mount options.")};
};

template <>
struct Schema<api::docker::ImageOptions> {
  using T = api::docker::ImageOptions;
  static constexpr std::string_view name = "ImageOptions";
  static constexpr std::string_view doc = "Of an image mount.";
  static constexpr auto fields = std::tuple{optional("Subpath", &T::subpath, "A folder within the image.")};
};

template <>
struct Schema<api::docker::Mount> {
  using T = api::docker::Mount;
  static constexpr std::string_view name = "Mount";
  static constexpr std::string_view doc = "One mount.";
  static constexpr auto fields = std::tuple{
      optional("Type", &T::type, "bind, volume, tmpfs or image."),
      optional("Source", &T::source, "Path, volume or image."),
      optional("Target", &T::target, "Path inside."),
      optional("ReadOnly", &T::read_only, "Writes are refused."),
      optional("Consistency", &T::consistency, "Means nothing on Linux."),
      optional("BindOptions", &T::bind_options, "For bind."),
      optional("VolumeOptions", &T::volume_options, "For volume."),
      optional("TmpfsOptions", &T::tmpfs_options, "For tmpfs."),
      optional("ImageOptions", &T::image_options, "For image."),
  };
};

template <>
struct Schema<api::docker::HostConfig> {
  using T = api::docker::HostConfig;
  static constexpr std::string_view name = "HostConfig";
  static constexpr std::string_view doc = "What a container gets of its host.";
  static constexpr auto fields = std::tuple{
      always("Binds", &T::binds, "source:target[:options]."),
      always("ContainerIDFile", &T::container_id_file, "Where the client wrote the ID."),
      always("LogConfig", &T::log_config, "Where output is kept."),
      always("NetworkMode", &T::network_mode, "bridge, host, none, container:x or a network."),
      always("PortBindings", &T::port_bindings, "Published ports."),
      always("RestartPolicy", &T::restart_policy, "When it is started again."),
      always("AutoRemove", &T::auto_remove, "Removed when it ends."),
      always("VolumeDriver", &T::volume_driver, "For volumes that are made."),
      always("VolumesFrom", &T::volumes_from, "Containers whose volumes it gets."),
      optional("ConsoleSize", &T::console_size, "Height and width of the terminal at the start."),
      optional("Annotations", &T::annotations, "Notes for the runtime."),
      always("CapAdd", &T::cap_add, "Capabilities more."),
      always("CapDrop", &T::cap_drop, "Capabilities less."),
      always("CgroupnsMode", &T::cgroupns_mode, "private or host."),
      always("Dns", &T::dns, "DNS servers."),
      always("DnsOptions", &T::dns_options, "resolv.conf options."),
      always("DnsSearch", &T::dns_search, "DNS search domains."),
      always("ExtraHosts", &T::extra_hosts, "name:address."),
      always("GroupAdd", &T::group_add, "Supplementary groups."),
      always("IpcMode", &T::ipc_mode, "none, private, shareable, host or container:x."),
      always("Cgroup", &T::cgroup, "Never used."),
      always("Links", &T::links, "Refused: networks know names."),
      always("OomScoreAdj", &T::oom_score_adj, "-1000 to 1000."),
      always("PidMode", &T::pid_mode, "host or container:x."),
      always("Privileged", &T::privileged, "Everything that root on the host may do."),
      always("PublishAllPorts", &T::publish_all_ports, "Every exposed port is published."),
      always("ReadonlyRootfs", &T::readonly_rootfs, "The root file system cannot be written."),
      always("SecurityOpt", &T::security_opt, "seccomp, apparmor, label, no-new-privileges."),
      optional("StorageOpt", &T::storage_opt, "Refused: sizes of root file systems are not limited."),
      optional("Tmpfs", &T::tmpfs, "Target to mount options."),
      always("UTSMode", &T::uts_mode, "host, or empty."),
      always("UsernsMode", &T::userns_mode, "host, or empty."),
      always("ShmSize", &T::shm_size, "Bytes of /dev/shm."),
      optional("Sysctls", &T::sysctls, "Kernel parameters."),
      always("Runtime", &T::runtime, "Where on the continuum it runs."),
      always("Isolation", &T::isolation, "Where on the continuum it runs."),
      embedded(&T::resources),
      optional("Mounts", &T::mounts, "Mounts."),
      always("MaskedPaths", &T::masked_paths, "Hidden paths."),
      always("ReadonlyPaths", &T::readonly_paths, "Paths that cannot be written."),
      optional("Init", &T::init, "A small init as PID 1."),
  };
};

template <>
struct Schema<api::docker::UpdateConfig> {
  using T = api::docker::UpdateConfig;
  static constexpr std::string_view name = "UpdateConfig";
  static constexpr std::string_view doc = "What of a container is to change.";
  static constexpr auto fields =
      std::tuple{embedded(&T::resources), always("RestartPolicy", &T::restart_policy, "When it is started again.")};
};

}  // namespace fulcrum::schema
