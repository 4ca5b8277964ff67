// The store in one SQLite file (WAL): the default on one machine.
#pragma once

#include <memory>
#include <string>

#include "store/store.h"

namespace fulcrum::store {

struct SqliteOptions {
  const Clock* clock = &lease_clock();  ///< for leases; must outlive the store
  RetentionPolicy retention;
  /// true: each commit is on the disk before it returns, and survives loss of power. false: it survives kill -9 of the process; maintain()
  /// puts what there is on the disk (called once a second by Maintainer), so loss of power may take the last second, never the file's
  /// integrity.
  bool sync_every_commit = false;
  std::size_t max_size = std::size_t{4} << 30;  ///< bytes the file may grow to, then resource_exhausted
  /// Which run of the machine this is; empty: ask the kernel. When it changes, commits may have been lost with the power: the revision then
  /// jumps ahead and history starts anew, so that nobody who saw a lost revision waits for it in vain.
  std::string boot_id;
};

/// Opens or makes the store at `path` (mode 0600; `path`-wal, `path`-shm and `path`.lock beside it). Errors: failed_precondition when
/// another process has it open, or it was written by a newer version; data_loss when the file is corrupt (nothing is changed then);
/// resource_exhausted.
[[nodiscard]] Result<std::unique_ptr<Store>> open_sqlite_store(const std::string& path, const SqliteOptions& options = {});

}  // namespace fulcrum::store
