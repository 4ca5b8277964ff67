// What the runtime remembers of a container: one folder per container below a root that should be on tmpfs.
//
//   <root>/<id>/state.json    this struct; replaced by rename, so readers see the old or the new one
//   <root>/<id>/config.json   the bundle's config.json as it was at creation
//   <root>/<id>/exec.fifo     while `created`: init holds its reading end; one byte starts it, a closed end means that it went on
//
// Making the folder claims the id. Nothing is synced to disk: after power loss the processes are gone as well. After kill -9 at any line
// the folder is there, so that `delete --force` finds everything that was made.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/unique_fd.h"

namespace fulcrum::runtime {

/// state.json.
struct SavedState {
  std::string oci_version;
  std::string id;
  std::string bundle;   ///< absolute
  std::string rootfs;   ///< absolute
  std::string created;  ///< RFC 3339
  std::map<std::string, std::string> annotations;
  std::string cgroup_path;              ///< absolute in every hierarchy; empty: none was made
  std::int32_t pid = 0;                 ///< of init, in the runtime's pid namespace; 0 until it is born
  std::uint64_t start_time = 0;         ///< of that process, clock ticks since boot: a reused pid has another
  std::vector<std::string> namespaces;  ///< OCI names of the namespaces that init has of its own or has joined
  bool own_pid_namespace = false;       ///< made for it: all its processes end with init
  bool no_pivot = false;
};

/// What the specification calls the status.
enum class Status { creating, created, running, paused, stopped };
std::string_view to_string(Status status);

/// Error: invalid_argument "invalid container ID format" (letters, digits, _ + - . ; not "." or ".."; at most 1024).
[[nodiscard]] Result<> check_id(std::string_view id);

/// One container's folder.
class StateDirectory {
 public:
  /// Claims an id, and holds it as one that is being created. Error: already_exists "container with given ID already exists".
  [[nodiscard]] static Result<StateDirectory> create(const std::string& root, const std::string& id);
  /// Error: not_found "container does not exist".
  [[nodiscard]] static Result<StateDirectory> open(const std::string& root, const std::string& id);

  /// From here on the container exists for others.
  void end_creation() const;
  /// Is somebody (still alive) creating it? What a killed creation left is not being created.
  bool being_created() const;

  int fd() const { return fd_.get(); }
  const std::string& path() const { return path_; }
  /// Replaces state.json or another small file by rename.
  [[nodiscard]] Result<> write(const std::string& name, std::string_view data) const;
  [[nodiscard]] Result<> save(const SavedState& state) const;
  /// Error: not_found "container does not exist" when creation never came so far; data_loss when it cannot be read.
  [[nodiscard]] Result<SavedState> load() const;
  /// The saved config.json.
  [[nodiscard]] Result<std::string> config() const;

  /// Makes exec.fifo and opens the end on which init waits: for reading and writing, so that a plain read blocks.
  [[nodiscard]] Result<UniqueFd> make_start_fifo() const;
  /// Makes the file in which init says why it could not execute its program after it was started, and reads it.
  [[nodiscard]] Result<UniqueFd> make_start_report() const;
  [[nodiscard]] std::string start_report() const;
  /// Opens the end that starts. Nothing when nobody waits (any more).
  [[nodiscard]] Result<std::optional<UniqueFd>> open_start_fifo() const;
  void remove_start_fifo() const;

  /// Removes the folder and what the runtime put in it. Idempotent.
  [[nodiscard]] Result<> remove() const;

 private:
  StateDirectory(std::string path, UniqueFd fd) : path_(std::move(path)), fd_(std::move(fd)) {}
  std::string path_;
  UniqueFd fd_;
};

/// Is the process with this pid and start time there and not a zombie?
bool is_alive(pid_t pid, std::uint64_t start_time);

}  // namespace fulcrum::runtime
