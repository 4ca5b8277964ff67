// fstab-style mount options of config.json as what the kernel's mount calls take.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace fulcrum::runtime {

/// The options of one `mounts[]` entry, sorted by the call that applies them.
struct MountOptions {
  unsigned long flags = 0;          ///< MS_* for mount(2)
  unsigned long cleared = 0;        ///< MS_* that an option asked to be off ("rw", "suid", …)
  std::uint64_t recursive_set = 0;  ///< MOUNT_ATTR_* for mount_setattr(AT_RECURSIVE): "rro", "rnosuid", …
  std::uint64_t recursive_clear = 0;
  std::vector<unsigned long> propagation;  ///< MS_SLAVE | MS_REC, …, in order
  bool copy_up = false;                    ///< "tmpcopyup"
  bool idmap = false;                      ///< "idmap" or "ridmap"
  bool idmap_recursive = false;            ///< "ridmap"
  std::string data;                        ///< the rest, for the file system: "size=64m,mode=755"

  bool is_bind() const;
  /// Per-mount attributes (read-only, nosuid, nodev, noexec, atime policy, nosymfollow) of `flags` as MOUNT_ATTR_*.
  std::uint64_t attributes() const;
  friend bool operator==(const MountOptions&, const MountOptions&) = default;
};

/// Sorts options. Never fails: what no table knows goes to the file system, which judges it.
MountOptions parse_mount_options(const std::vector<std::string>& options);
/// MS_* flags of a rootfsPropagation word ("rslave"); 0 for an unknown word.
unsigned long propagation_flags(std::string_view word);
/// Every option known here, sorted: what `features` prints.
std::vector<std::string> known_mount_options();

}  // namespace fulcrum::runtime
