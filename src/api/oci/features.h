// OCI runtime specification, features.md: what `fulcrum-oci features` prints.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace fulcrum::oci {

struct FeaturesCgroup {
  std::optional<bool> v1, v2, systemd, systemd_user, rdma;
};
struct FeaturesSeccomp {
  std::optional<bool> enabled;
  std::vector<std::string> actions, operators, archs, known_flags, supported_flags;
};
struct FeaturesEnabled {  ///< apparmor, selinux, netDevices, mountExtensions.idmap
  std::optional<bool> enabled;
};
struct FeaturesIntelRdt {
  std::optional<bool> enabled, schemata, monitoring;
};
struct FeaturesMemoryPolicy {
  std::vector<std::string> modes, flags;
};
struct FeaturesMountExtensions {
  std::optional<FeaturesEnabled> idmap;
};
/// `linux`.
struct FeaturesLinux {
  std::vector<std::string> namespaces, capabilities;
  std::optional<FeaturesCgroup> cgroup;
  std::optional<FeaturesSeccomp> seccomp;
  std::optional<FeaturesEnabled> apparmor, selinux;
  std::optional<FeaturesIntelRdt> intel_rdt;
  std::optional<FeaturesMemoryPolicy> memory_policy;
  std::optional<FeaturesMountExtensions> mount_extensions;
  std::optional<FeaturesEnabled> net_devices;
};
/// The whole document. Unset means unknown, not unsupported.
struct Features {
  std::string oci_version_min, oci_version_max;
  std::vector<std::string> hooks, mount_options;
  std::optional<FeaturesLinux> linux;
  std::map<std::string, std::string> annotations;
  std::vector<std::string> potentially_unsafe_config_annotations;
};

/// Indented JSON, as runc prints it.
std::string to_json(const Features& features);

}  // namespace fulcrum::oci
