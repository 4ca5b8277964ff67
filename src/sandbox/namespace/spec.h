// From a Plan to config.json. Everything here is pure but for looking at device nodes on the host.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "api/oci/image_spec.h"
#include "api/oci/runtime_spec.h"
#include "api/workload/spec.h"
#include "base/error.h"
#include "sandbox/namespace/users.h"
#include "sandbox/sandbox.h"
#include "schema/violation.h"

namespace fulcrum::sandbox {

/// What kernel and machine can do, found out once.
struct MachineFacts {
  bool swap_accounting = false;           ///< memory+swap can be limited
  std::vector<std::string> capabilities;  ///< of the bounding set
  bool apparmor = false;
  bool rootless = false;                 ///< this process is in a user namespace: its root is an ordinary user outside
  std::uint64_t user_ids = 4294967295;   ///< how many user ids exist
  std::vector<std::string> controllers;  ///< rootless: the cgroup controllers that were given to this user; none: no cgroups
  std::string no_ports;                  ///< why ports cannot be published; empty: they can
};

/// What a Plan does not say.
struct SpecInput {
  const Plan* plan = nullptr;
  oci::ImageRunConfig image;
  UserIds user;
  MachineFacts facts;
  std::string upper, work;                    ///< overlay folders
  std::string resolv_conf, hosts, hostname;   ///< host paths of these files; empty: the image's stays
  std::string init;                           ///< host path of fulcrum-init
  std::string shared_memory;                  ///< host folder for /dev/shm when it is shared; empty: a tmpfs of its own
  std::string cgroup;                         ///< absolute; empty: none can be had
  std::uint32_t subid = 0, subid_size = 0;    ///< host range of the user namespace; 0: none
  std::map<std::string, std::int64_t> joins;  ///< kind → pid whose namespace is joined
};

/// The whole config.json. Errors: invalid_argument or unimplemented naming the field.
[[nodiscard]] Result<oci::Spec> make_spec(const SpecInput& input);

/// Entrypoint and command by Docker's rules: a given entrypoint also removes the image's command. Error: invalid_argument "no command".
[[nodiscard]] Result<std::vector<std::string>> make_arguments(const api::WorkloadSpec& spec, const oci::ImageRunConfig& image);
/// PATH, HOSTNAME, TERM (with a terminal), then the image's, then the given ones; a variable without value is removed.
std::vector<std::string> make_environment(const std::vector<std::string>& image, const api::Environment& given, const std::string& hostname,
                                          bool tty);
/// Lays `given` over `base`.
void merge_environment(std::vector<std::string>& base, const api::Environment& given);
/// Docker's default set, with add and drop applied; ALL means what `bounding` has. Errors: invalid_argument for an unknown name.
[[nodiscard]] Result<std::vector<std::string>> make_capabilities(const api::Security& security, const std::vector<std::string>& bounding);
oci::Capabilities capability_sets(const std::vector<std::string>& names);
[[nodiscard]] Result<std::vector<oci::Rlimit>> make_rlimits(const std::map<std::string, api::Ulimit>& ulimits);
[[nodiscard]] Result<std::vector<oci::Mount>> make_mounts(const SpecInput& input);
/// Limits without device rules: also for update().
[[nodiscard]] Result<oci::Resources> make_resources(const api::Resources& resources, const MachineFacts& facts);
/// Nodes and rules of security.devices, resources.deviceCgroupRules, and, for a privileged workload, of the whole host.
struct DeviceSet {
  std::vector<oci::Device> nodes;
  std::vector<oci::DeviceRule> rules;
};
[[nodiscard]] Result<DeviceSet> make_devices(const api::WorkloadSpec& spec);
/// "c 1:3 rwm", with * for any number.
[[nodiscard]] Result<oci::DeviceRule> parse_device_rule(const std::string& text);

/// The part of Sandbox::unsupported() that needs no probing: contradictions and what namespaces cannot do.
schema::Violations check_spec(const api::WorkloadSpec& spec, const MachineFacts& facts);

/// What an ordinary user's engine cannot do, by field. (spec_rootless.cc)
std::map<std::string, std::string> degraded_fields(const MachineFacts& facts);
void check_rootless(const api::WorkloadSpec& spec, const MachineFacts& facts, schema::Violations& out);

/// What is hidden and what cannot be written inside, unless the spec says otherwise.
const std::vector<std::string>& default_masked_paths();
const std::vector<std::string>& default_readonly_paths();

/// The effective words of security.userns and of the namespace fields.
bool joins(std::string_view mode);          ///< "container:…"
bool own_namespace(std::string_view mode);  ///< neither host nor joined

}  // namespace fulcrum::sandbox
