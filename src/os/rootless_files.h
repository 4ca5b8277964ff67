// The files of <run>/rootless: who holds the namespaces, who carries their network.
#pragma once

#include <optional>
#include <string>

#include "os/rootless.h"

namespace fulcrum::os::rootless {

inline std::string folder(const std::string& run_dir) { return run_dir + "/rootless"; }
inline std::string holder_pin(const std::string& run_dir) { return folder(run_dir) + "/holder"; }
inline std::string slirp_pin(const std::string& run_dir) { return folder(run_dir) + "/slirp4netns"; }
inline std::string slirp_socket(const std::string& run_dir) { return folder(run_dir) + "/slirp4netns.sock"; }
/// A FIFO whose write end the holder has: whoever reads it sees its end.
inline std::string alive_fifo(const std::string& run_dir) { return folder(run_dir) + "/alive"; }

/// Writes down a live process. Error: not_found when it is gone.
[[nodiscard]] Result<> write_pin(const std::string& path, pid_t pid);
/// The process that a file names, if it still lives and is no zombie.
std::optional<pid_t> read_pin(const std::string& path);

/// Who listens at a unix socket.
std::optional<pid_t> listener(const std::string& path);

/// Waits until `fd` is readable and reads a line of at most 4096 bytes; empty at its end.
[[nodiscard]] Result<std::string> read_answer(int fd, const std::string& from);

/// Starts slirp4netns for the holder's network namespace, unless it runs. `fresh`: the holder is new, so one that runs belongs to an
/// earlier one and is ended. Call in the host's network namespace.
[[nodiscard]] Result<> ensure_slirp(const std::string& run_dir, pid_t holder, bool fresh);
/// Lets programs in this mount namespace ask slirp4netns's name server.
[[nodiscard]] Result<> use_slirp_resolver(const std::string& run_dir);

}  // namespace fulcrum::os::rootless
