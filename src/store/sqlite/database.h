// SQLite connections and statements as owners, with errors as values.
#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "base/error.h"

namespace fulcrum::store::sqlite {

class Database;

/// One run of a cached statement; resets it when dropped. Parameters and columns count as SQLite does: from 1 and from 0.
class Run {
 public:
  Run(Database& database, sqlite3_stmt* statement) : database_(database), statement_(statement) {}
  Run(const Run&) = delete;
  Run& operator=(const Run&) = delete;
  Run(Run&& other) noexcept : database_(other.database_), statement_(std::exchange(other.statement_, nullptr)) {}
  ~Run();

  Run& bind(int index, std::int64_t value);
  /// The bytes must live until the run ends.
  Run& bind(int index, std::string_view bytes);
  /// True: there is a row. False: done.
  [[nodiscard]] Result<bool> step();
  std::int64_t integer(int column) const { return sqlite3_column_int64(statement_, column); }
  std::string bytes(int column) const;

 private:
  Database& database_;
  sqlite3_stmt* statement_;
};

/// One connection, for one thread at a time.
class Database {
 public:
  /// SQLITE_OPEN_* flags.
  [[nodiscard]] static Result<std::unique_ptr<Database>> open(const std::string& path, int flags);
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;
  ~Database();

  /// A prepared statement, from the cache. `sql` must be a literal (its address is the key). One run of each at a time.
  [[nodiscard]] Result<Run> prepare(const char* sql);
  /// Runs statements without parameters or rows.
  [[nodiscard]] Result<> execute(const std::string& sql);
  /// Runs a statement whose first column is an integer; 0 when there is no row.
  [[nodiscard]] Result<std::int64_t> integer(const char* sql);
  /// The first column as text: pragmas that answer.
  [[nodiscard]] Result<std::string> text(const char* sql);
  [[nodiscard]] std::unexpected<Error> error(int code) const;
  sqlite3* handle() const { return handle_; }
  const std::string& path() const { return path_; }

 private:
  Database(std::string path, sqlite3* handle) : path_(std::move(path)), handle_(handle) {}

  std::string path_;
  sqlite3* handle_;
  std::map<const char*, sqlite3_stmt*> statements_;
};

/// A transaction, rolled back unless committed.
class Unit {
 public:
  enum class Kind { read, write };
  [[nodiscard]] static Result<Unit> begin(Database& database, Kind kind);
  Unit(const Unit&) = delete;
  Unit& operator=(const Unit&) = delete;
  Unit(Unit&& other) noexcept : database_(std::exchange(other.database_, nullptr)) {}
  ~Unit();
  [[nodiscard]] Result<> commit();

 private:
  explicit Unit(Database& database) : database_(&database) {}
  Database* database_;
};

}  // namespace fulcrum::store::sqlite
