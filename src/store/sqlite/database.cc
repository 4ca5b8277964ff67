#include "store/sqlite/database.h"

#include <cerrno>

namespace fulcrum::store::sqlite {
namespace {

Code classify(int extended, int sys_errno) {
  const bool full = sys_errno == ENOSPC || sys_errno == EDQUOT;
  switch (extended & 0xff) {
    case SQLITE_FULL: return Code::resource_exhausted;
    case SQLITE_NOMEM: return Code::resource_exhausted;
    case SQLITE_CORRUPT: return Code::data_loss;
    case SQLITE_NOTADB: return Code::data_loss;
    case SQLITE_BUSY: return Code::unavailable;
    case SQLITE_LOCKED: return Code::unavailable;
    case SQLITE_READONLY: return Code::failed_precondition;
    case SQLITE_PERM: return Code::permission_denied;
    case SQLITE_TOOBIG: return Code::invalid_argument;
    case SQLITE_CANTOPEN: return full ? Code::resource_exhausted : code_from_errno(sys_errno != 0 ? sys_errno : EIO);
    case SQLITE_IOERR: return full ? Code::resource_exhausted : Code::unavailable;
    default: return Code::internal;
  }
}

}  // namespace

Run::~Run() {
  if (statement_ == nullptr) return;
  sqlite3_reset(statement_);
  sqlite3_clear_bindings(statement_);
}

Run& Run::bind(int index, std::int64_t value) {
  sqlite3_bind_int64(statement_, index, value);
  return *this;
}

Run& Run::bind(int index, std::string_view bytes) {
  // A null pointer would bind NULL instead of an empty blob.
  sqlite3_bind_blob64(statement_, index, bytes.empty() ? "" : bytes.data(), bytes.size(), SQLITE_STATIC);
  return *this;
}

Result<bool> Run::step() {
  const int code = sqlite3_step(statement_);
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  return database_.error(code);
}

std::string Run::bytes(int column) const {
  const auto* data = static_cast<const char*>(sqlite3_column_blob(statement_, column));
  const auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement_, column));
  return data == nullptr ? std::string() : std::string(data, size);
}

Result<std::unique_ptr<Database>> Database::open(const std::string& path, int flags) {
  sqlite3* handle = nullptr;
  const int code = sqlite3_open_v2(path.c_str(), &handle, flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, nullptr);
  if (handle == nullptr) return fail(Code::resource_exhausted, "open {}: out of memory", path);
  std::unique_ptr<Database> database(new Database(path, handle));
  if (code != SQLITE_OK) return database->error(code);
  sqlite3_busy_timeout(handle, 5000);
  return database;
}

Database::~Database() {
  for (const auto& [sql, statement] : statements_) sqlite3_finalize(statement);
  sqlite3_close(handle_);
}

Result<Run> Database::prepare(const char* sql) {
  auto& statement = statements_[sql];
  if (statement == nullptr) {
    const int code = sqlite3_prepare_v3(handle_, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
    if (code != SQLITE_OK) return error(code);
  }
  return Run(*this, statement);
}

Result<> Database::execute(const std::string& sql) {
  const int code = sqlite3_exec(handle_, sql.c_str(), nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) return error(code);
  return {};
}

Result<std::int64_t> Database::integer(const char* sql) {
  auto run = TRY(prepare(sql));
  return TRY(run.step()) ? run.integer(0) : 0;
}

Result<std::string> Database::text(const char* sql) {
  auto run = TRY(prepare(sql));
  return TRY(run.step()) ? run.bytes(0) : std::string();
}

std::unexpected<Error> Database::error(int code) const {
  const int sys_errno = sqlite3_system_errno(handle_);
  const bool io = (code & 0xff) == SQLITE_IOERR || (code & 0xff) == SQLITE_CANTOPEN;
  const Code ours = classify(code, io ? sys_errno : 0);
  if (ours == Code::resource_exhausted && (code & 0xff) != SQLITE_NOMEM)
    return fail(ours, "store {}: the disk or the store's quota is full", path_);
  auto made = fail(ours, "store {}: {}", path_, sqlite3_errmsg(handle_));
  return made;
}

Result<Unit> Unit::begin(Database& database, Kind kind) {
  auto run = TRY(database.prepare(kind == Kind::write ? "BEGIN IMMEDIATE" : "BEGIN"));
  TRY(run.step());
  return Unit(database);
}

Unit::~Unit() {
  // SQLite has rolled back by itself after some errors; then there is nothing to do.
  if (database_ != nullptr && sqlite3_get_autocommit(database_->handle()) == 0)
    sqlite3_exec(database_->handle(), "ROLLBACK", nullptr, nullptr, nullptr);
}

Result<> Unit::commit() {
  auto run = TRY(database_->prepare("COMMIT"));
  TRY(run.step());
  database_ = nullptr;
  return {};
}

}  // namespace fulcrum::store::sqlite
