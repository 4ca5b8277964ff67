#include "api/oci/features.h"

#include "schema/schema.h"

namespace fulcrum::schema {

template <>
struct Schema<oci::FeaturesCgroup> {
  static constexpr std::string_view name = "FeaturesCgroup";
  static constexpr std::string_view doc = "Which cgroup managers are built in.";
  static constexpr auto fields = std::tuple{
      optional("v1", &oci::FeaturesCgroup::v1, "cgroup v1."),
      optional("v2", &oci::FeaturesCgroup::v2, "cgroup v2."),
      optional("systemd", &oci::FeaturesCgroup::systemd, "systemd's system manager."),
      optional("systemdUser", &oci::FeaturesCgroup::systemd_user, "systemd's user manager."),
      optional("rdma", &oci::FeaturesCgroup::rdma, "The rdma controller."),
  };
};

template <>
struct Schema<oci::FeaturesSeccomp> {
  static constexpr std::string_view name = "FeaturesSeccomp";
  static constexpr std::string_view doc = "System call filters.";
  static constexpr auto fields = std::tuple{
      optional("enabled", &oci::FeaturesSeccomp::enabled, "Built in."),
      optional("actions", &oci::FeaturesSeccomp::actions, "Known actions."),
      optional("operators", &oci::FeaturesSeccomp::operators, "Known operators."),
      optional("archs", &oci::FeaturesSeccomp::archs, "Known architectures."),
      optional("knownFlags", &oci::FeaturesSeccomp::known_flags, "Known flags."),
      optional("supportedFlags", &oci::FeaturesSeccomp::supported_flags, "Flags that this kernel accepts."),
  };
};

template <>
struct Schema<oci::FeaturesEnabled> {
  static constexpr std::string_view name = "FeaturesEnabled";
  static constexpr std::string_view doc = "Whether something is built in.";
  static constexpr auto fields = std::tuple{optional("enabled", &oci::FeaturesEnabled::enabled, "Built in.")};
};

template <>
struct Schema<oci::FeaturesIntelRdt> {
  static constexpr std::string_view name = "FeaturesIntelRdt";
  static constexpr std::string_view doc = "Intel RDT.";
  static constexpr auto fields = std::tuple{
      optional("enabled", &oci::FeaturesIntelRdt::enabled, "Built in."),
      optional("schemata", &oci::FeaturesIntelRdt::schemata, "The schemata field."),
      optional("monitoring", &oci::FeaturesIntelRdt::monitoring, "The enableMonitoring field."),
  };
};

template <>
struct Schema<oci::FeaturesMemoryPolicy> {
  static constexpr std::string_view name = "FeaturesMemoryPolicy";
  static constexpr std::string_view doc = "NUMA policies.";
  static constexpr auto fields = std::tuple{
      optional("modes", &oci::FeaturesMemoryPolicy::modes, "Known modes."),
      optional("flags", &oci::FeaturesMemoryPolicy::flags, "Known flags."),
  };
};

template <>
struct Schema<oci::FeaturesMountExtensions> {
  static constexpr std::string_view name = "FeaturesMountExtensions";
  static constexpr std::string_view doc = "Beyond mount(2).";
  static constexpr auto fields = std::tuple{optional("idmap", &oci::FeaturesMountExtensions::idmap, "Idmapped mounts.")};
};

template <>
struct Schema<oci::FeaturesLinux> {
  static constexpr std::string_view name = "FeaturesLinux";
  static constexpr std::string_view doc = "What only Linux has.";
  static constexpr auto fields = std::tuple{
      optional("namespaces", &oci::FeaturesLinux::namespaces, "Known namespaces."),
      optional("capabilities", &oci::FeaturesLinux::capabilities, "Known capabilities."),
      optional("cgroup", &oci::FeaturesLinux::cgroup, "cgroups."),
      optional("seccomp", &oci::FeaturesLinux::seccomp, "seccomp."),
      optional("apparmor", &oci::FeaturesLinux::apparmor, "AppArmor."),
      optional("selinux", &oci::FeaturesLinux::selinux, "SELinux."),
      optional("intelRdt", &oci::FeaturesLinux::intel_rdt, "Intel RDT."),
      optional("memoryPolicy", &oci::FeaturesLinux::memory_policy, "NUMA policies."),
      optional("mountExtensions", &oci::FeaturesLinux::mount_extensions, "Mount extensions."),
      optional("netDevices", &oci::FeaturesLinux::net_devices, "linux.netDevices."),
  };
};

template <>
struct Schema<oci::Features> {
  static constexpr std::string_view name = "Features";
  static constexpr std::string_view doc = "What the runtime supports.";
  static constexpr auto fields = std::tuple{
      optional("ociVersionMin", &oci::Features::oci_version_min, "Oldest version accepted."),
      optional("ociVersionMax", &oci::Features::oci_version_max, "Newest version accepted."),
      optional("hooks", &oci::Features::hooks, "Known hooks."),
      optional("mountOptions", &oci::Features::mount_options, "Known mount options."),
      optional("linux", &oci::Features::linux, "What only Linux has."),
      optional("annotations", &oci::Features::annotations, "About the runtime itself."),
      optional("potentiallyUnsafeConfigAnnotations", &oci::Features::potentially_unsafe_config_annotations,
               "Annotations of config.json that may change the host."),
  };
};

}  // namespace fulcrum::schema

namespace fulcrum::oci {

std::string to_json(const Features& features) { return schema::pretty(schema::encode(features)); }

}  // namespace fulcrum::oci
