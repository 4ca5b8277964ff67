// OCI runtime specification, `root`, `mounts` and `hooks`.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace fulcrum::oci {

/// `root`.
struct Root {
  std::string path;  ///< relative to the bundle, or absolute
  bool readonly = false;
  friend bool operator==(const Root&, const Root&) = default;
};

/// One line of a uid or gid map.
struct IdMapping {
  std::uint32_t container_id = 0;
  std::uint32_t host_id = 0;
  std::uint32_t size = 0;
  friend bool operator==(const IdMapping&, const IdMapping&) = default;
};

/// `mounts[]`, in the order in which they are mounted.
struct Mount {
  std::string destination;
  std::string type;
  std::string source;
  std::vector<std::string> options;  ///< fstab style, e.g. "rbind", "ro", "rslave", "size=64m"
  std::vector<IdMapping> uid_mappings;
  std::vector<IdMapping> gid_mappings;
  friend bool operator==(const Mount&, const Mount&) = default;
};

/// One program of a hook list. `timeout` in seconds.
struct Hook {
  std::string path;
  std::vector<std::string> args;  ///< args[0] is argv[0], as in execv(3)
  std::vector<std::string> env;
  std::optional<std::int32_t> timeout;
  friend bool operator==(const Hook&, const Hook&) = default;
};

/// `hooks`: lists in the order of their moments.
struct Hooks {
  std::vector<Hook> prestart;          ///< runtime namespaces; before pivot_root (deprecated)
  std::vector<Hook> create_runtime;    ///< runtime namespaces; before pivot_root
  std::vector<Hook> create_container;  ///< container namespaces, host files; before pivot_root
  std::vector<Hook> start_container;   ///< container namespaces, container files; in `start`, before the process
  std::vector<Hook> poststart;         ///< runtime namespaces; after the process was started
  std::vector<Hook> poststop;          ///< runtime namespaces; after delete
  friend bool operator==(const Hooks&, const Hooks&) = default;
};

}  // namespace fulcrum::oci
