#include "image/sqlite.h"

#include <sqlite3.h>

namespace fulcrum::image::sqlite {

namespace {

Code code_of(int status) {
  switch (status & 0xff) {
    case SQLITE_FULL:
    case SQLITE_NOMEM: return Code::resource_exhausted;
    case SQLITE_BUSY:
    case SQLITE_LOCKED: return Code::unavailable;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB: return Code::data_loss;
    default: return Code::internal;
  }
}

std::unexpected<Error> db_error(sqlite3* db, int status) { return fail(code_of(status), "image index: {}", ::sqlite3_errmsg(db)); }

struct Finalize {
  void operator()(sqlite3_stmt* statement) const { ::sqlite3_finalize(statement); }
};

}  // namespace

void Close::operator()(sqlite3* db) const { ::sqlite3_close_v2(db); }

Result<Database> open(const std::string& path, const char* schema) {
  sqlite3* raw = nullptr;
  const int status = ::sqlite3_open_v2(path.c_str(), &raw, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, nullptr);
  Database db(raw);
  if (status != SQLITE_OK) return fail(code_of(status), "open image index {}: {}", path, ::sqlite3_errstr(status));
  TRY(exec(raw, "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = ON;"), "{}", path);
  TRY(exec(raw, schema), "{}", path);
  return db;
}

Result<> exec(sqlite3* db, const char* sql) {
  const int status = ::sqlite3_exec(db, sql, nullptr, nullptr, nullptr);
  if (status != SQLITE_OK) return db_error(db, status);
  return {};
}

std::string Row::text(int column) const {
  const auto* data = reinterpret_cast<const char*>(::sqlite3_column_text(statement_, column));
  return data == nullptr ? "" : std::string(data, static_cast<std::size_t>(::sqlite3_column_bytes(statement_, column)));
}

std::int64_t Row::number(int column) const { return ::sqlite3_column_int64(statement_, column); }

Result<> run(sqlite3* db, const std::string& sql, const std::vector<std::string>& values, const std::function<void(const Row&)>& each) {
  sqlite3_stmt* raw = nullptr;
  int status = ::sqlite3_prepare_v2(db, sql.c_str(), -1, &raw, nullptr);
  const std::unique_ptr<sqlite3_stmt, Finalize> statement(raw);
  if (status != SQLITE_OK) return db_error(db, status);
  for (std::size_t i = 0; i < values.size(); ++i) {
    status = ::sqlite3_bind_text(raw, static_cast<int>(i) + 1, values[i].data(), static_cast<int>(values[i].size()), SQLITE_TRANSIENT);
    if (status != SQLITE_OK) return db_error(db, status);
  }
  while ((status = ::sqlite3_step(raw)) == SQLITE_ROW) {
    if (each) each(Row(raw));
  }
  if (status != SQLITE_DONE) return db_error(db, status);
  return {};
}

Result<Transaction> Transaction::begin(sqlite3* db) {
  TRY(exec(db, "BEGIN IMMEDIATE"));
  return Transaction(db);
}

Transaction::~Transaction() {
  if (db_ != nullptr) static_cast<void>(exec(db_, "ROLLBACK"));
}

Result<> Transaction::commit() {
  TRY(exec(db_, "COMMIT"));
  db_ = nullptr;
  return {};
}

}  // namespace fulcrum::image::sqlite
