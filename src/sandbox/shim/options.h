// What a shim is told when it is started.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/error.h"

namespace fulcrum::sandbox::shim {

struct Options {
  std::string id;  ///< of the workload, and of the container at the runtime
  std::int64_t run = 0;
  std::string directory;      ///< run folder of this sandbox: config.json (the bundle), shim.sock, exec-<id>.json
  std::string state;          ///< folder that survives: exit.json
  std::string runtime;        ///< path of fulcrum-oci
  std::string runtime_root;   ///< its --root
  std::string log_directory;  ///< empty: nothing is logged
  std::int64_t log_size = 10 << 20;
  std::uint32_t log_files = 5;
  std::string oom_file;  ///< cgroup file with an "oom_kill N" line; empty: none
  bool tty = false;
  bool input = false;  ///< standard input stays open for clients
  bool input_once = false;
  bool shared_pid = false;  ///< the container has no pid namespace of its own: its other processes must be killed when the first ends
  friend bool operator==(const Options&, const Options&) = default;
};

/// "--name=value" words.
std::vector<std::string> to_arguments(const Options& options);
/// Errors: invalid_argument.
[[nodiscard]] Result<Options> parse_arguments(std::span<const char* const> arguments);

}  // namespace fulcrum::sandbox::shim
