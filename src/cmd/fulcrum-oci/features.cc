#include "api/oci/features.h"

#include "commands.h"
#include "os/capabilities.h"
#include "os/namespaces.h"
#include "runtime/mount_options.h"
#include "runtime/overlay_root.h"
#include "runtime/seccomp.h"
#include "runtime/security.h"

namespace fulcrum::oci_cli {

Result<int> features_command(Session&, const Args&) {
  oci::Features features;
  features.oci_version_min = "1.0.0";
  features.oci_version_max = "1.2.1";
  features.hooks = {"prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"};
  features.mount_options = runtime::known_mount_options();
  auto& linux = features.linux.emplace();
  for (const auto& kind : os::namespace_kinds()) linux.namespaces.emplace_back(kind.name);
  for (const auto name : os::capability_names()) linux.capabilities.emplace_back(name);
  linux.cgroup = oci::FeaturesCgroup{.v1 = true, .v2 = true, .systemd = false, .systemd_user = false, .rdma = true};
  linux.seccomp = oci::FeaturesSeccomp{.enabled = true,
                                       .actions = runtime::known_seccomp_actions(),
                                       .operators = runtime::known_seccomp_operators(),
                                       .archs = runtime::known_seccomp_architectures(),
                                       .known_flags = runtime::known_seccomp_flags(),
                                       .supported_flags = runtime::supported_seccomp_flags()};
  linux.apparmor = oci::FeaturesEnabled{.enabled = true};
  linux.selinux = oci::FeaturesEnabled{.enabled = false};
  linux.intel_rdt = oci::FeaturesIntelRdt{.enabled = false, .schemata = false, .monitoring = false};
  linux.memory_policy = oci::FeaturesMemoryPolicy{.modes = {"MPOL_DEFAULT", "MPOL_PREFERRED", "MPOL_BIND", "MPOL_INTERLEAVE", "MPOL_LOCAL",
                                                            "MPOL_PREFERRED_MANY", "MPOL_WEIGHTED_INTERLEAVE"},
                                                  .flags = {"MPOL_F_STATIC_NODES", "MPOL_F_RELATIVE_NODES", "MPOL_F_NUMA_BALANCING"}};
  linux.mount_extensions = oci::FeaturesMountExtensions{.idmap = oci::FeaturesEnabled{.enabled = true}};
  linux.net_devices = oci::FeaturesEnabled{.enabled = false};
  features.potentially_unsafe_config_annotations = {runtime::kRootfsAnnotation};
  TRY(print(oci::to_json(features)));
  return 0;
}

}  // namespace fulcrum::oci_cli
