// OCI runtime specification 1.x: config.json as plain structs. Unknown fields are ignored, as the specification asks.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/oci/linux.h"
#include "api/oci/mounts.h"
#include "api/oci/process.h"
#include "base/error.h"

namespace fulcrum::oci {

/// config.json.
struct Spec {
  std::string oci_version;
  std::optional<Process> process;
  std::optional<Root> root;
  std::string hostname;
  std::string domainname;
  std::vector<Mount> mounts;
  std::optional<Hooks> hooks;
  std::map<std::string, std::string> annotations;
  std::optional<Linux> linux;
  friend bool operator==(const Spec&, const Spec&) = default;
};

/// The longest config.json that is read.
inline constexpr std::size_t kMaxSpecBytes = 8 << 20;

/// Parses config.json. Error: invalid_argument naming every wrong field by its path ("process.user.uid: expected an integer; …").
/// Shape and types only: see validate().
[[nodiscard]] Result<Spec> parse_spec(std::string_view json);
/// Parses a process.json (`exec --process`).
[[nodiscard]] Result<Process> parse_process(std::string_view json);
/// Parses resources (`update --resources`).
[[nodiscard]] Result<Resources> parse_resources(std::string_view json);
/// Parses a seccomp profile without Docker's conditions: what `linux.seccomp` holds.
[[nodiscard]] Result<Seccomp> parse_seccomp(std::string_view json);
/// The JSON text of a spec, without fields that are unset. parse_spec(to_json(x)) == x.
std::string to_json(const Spec& spec);
std::string to_json(const Process& process);
std::string to_json(const Resources& resources);

/// Checks what the types do not say: versions, paths, names, namespaces that a field needs, mappings, ranges, conflicts.
/// Pure: asks neither the file system nor the kernel. Error: invalid_argument with every violation, each with its path.
[[nodiscard]] Result<> validate(const Spec& spec);
/// The part of validate() for one process, as `exec` needs it.
[[nodiscard]] Result<> validate(const Process& process);
/// The part of validate() for resources, as `update` needs it.
[[nodiscard]] Result<> validate(const Resources& resources);

}  // namespace fulcrum::oci
