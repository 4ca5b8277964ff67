// Opening the file: lock, integrity, schema. Internal to the SQLite store.
#pragma once

#include <memory>
#include <string>

#include "store/sqlite/database.h"
#include "store/sqlite/sqlite_store.h"

namespace fulcrum::store::sqlite {

/// The writer's connection, and the lock that keeps other processes out. The lock is dropped after the connection is closed.
struct Opened {
  UniqueFd lock;
  std::unique_ptr<Database> writer;
};

/// See open_sqlite_store().
[[nodiscard]] Result<Opened> open_store_file(const std::string& path, const SqliteOptions& options);
/// Puts everything committed so far on the disk.
[[nodiscard]] Result<> sync_log(const std::string& path);
/// A connection that only reads.
[[nodiscard]] Result<std::unique_ptr<Database>> open_reader(const std::string& path);

}  // namespace fulcrum::store::sqlite
