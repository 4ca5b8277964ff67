// What the image store's indexes ask of SQLite: a connection, statements, transactions.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"

struct sqlite3;
struct sqlite3_stmt;

namespace fulcrum::image::sqlite {

struct Close {
  void operator()(sqlite3* db) const;
};
using Database = std::unique_ptr<sqlite3, Close>;

/// Opens or makes a database, in WAL mode, and runs `schema` in it.
[[nodiscard]] Result<Database> open(const std::string& path, const char* schema);

/// Runs statements without parameters.
[[nodiscard]] Result<> exec(sqlite3* db, const char* sql);

/// The columns of the current row.
class Row {
 public:
  explicit Row(sqlite3_stmt* statement) : statement_(statement) {}
  std::string text(int column) const;
  std::int64_t number(int column) const;

 private:
  sqlite3_stmt* statement_;
};

/// Runs one statement; all parameters are bound as text (columns with INTEGER affinity convert).
[[nodiscard]] Result<> run(sqlite3* db, const std::string& sql, const std::vector<std::string>& values,
                           const std::function<void(const Row&)>& each = {});

/// A transaction that is undone unless committed.
class Transaction {
 public:
  [[nodiscard]] static Result<Transaction> begin(sqlite3* db);
  Transaction(Transaction&& other) noexcept : db_(std::exchange(other.db_, nullptr)) {}
  Transaction& operator=(Transaction&&) = delete;
  ~Transaction();
  [[nodiscard]] Result<> commit();

 private:
  explicit Transaction(sqlite3* db) : db_(db) {}
  sqlite3* db_;
};

}  // namespace fulcrum::image::sqlite
