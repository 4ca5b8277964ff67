#include "store/sqlite/open.h"

#include <sys/file.h>

#include "base/sys.h"

namespace fulcrum::store::sqlite {
namespace {

constexpr std::int64_t kApplicationId = 0x46554c43;  // "FULC"
constexpr std::int64_t kSchemaVersion = 1;

// The revision of a log row is id >> 20 (kSequenceBits), and the low bits number the changes of one commit.
constexpr const char* kSchema = R"(
  BEGIN IMMEDIATE;
  CREATE TABLE meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
  CREATE TABLE records (
    key BLOB NOT NULL UNIQUE, value BLOB NOT NULL, created INTEGER NOT NULL, revision INTEGER NOT NULL, lease INTEGER NOT NULL);
  CREATE INDEX records_lease ON records (lease) WHERE lease <> 0;
  CREATE TABLE log (
    id INTEGER PRIMARY KEY, removed INTEGER NOT NULL, key BLOB NOT NULL, value BLOB NOT NULL,
    created INTEGER NOT NULL, lease INTEGER NOT NULL, previous INTEGER NOT NULL);
  CREATE TABLE leases (id INTEGER PRIMARY KEY, ttl INTEGER NOT NULL);
  INSERT INTO meta VALUES ('revision', 1), ('compacted', 0);
  PRAGMA application_id = 1179995203;
  PRAGMA user_version = 1;
  COMMIT;
)";
static_assert(kApplicationId == 1179995203);

Result<UniqueFd> take_lock(const std::string& path) {
  auto lock = TRY(sys::open(path + ".lock", O_RDWR | O_CREAT, 0600));
  if (::flock(lock.get(), LOCK_EX | LOCK_NB) == 0) return lock;
  if (errno == EWOULDBLOCK) return fail(Code::failed_precondition, "store {} is in use by another process", path);
  return fail_errno(errno, "lock {}", path);
}

/// Reads only: a corrupt file is left as it is, so that somebody can look at it or bring back a copy.
Result<> check_integrity(Database& database) {
  const auto version = TRY(database.integer("PRAGMA user_version"));
  const auto application = TRY(database.integer("PRAGMA application_id"));
  if (application != kApplicationId)
    return fail(Code::failed_precondition, "store {}: the file is not a store of this program", database.path());
  if (version > kSchemaVersion)
    return fail(Code::failed_precondition, "store {} was written by a newer version (schema {}, this one knows {})", database.path(),
                version, kSchemaVersion);
  const auto verdict = TRY(database.text("PRAGMA quick_check(1)"));
  if (verdict != "ok") return fail(Code::data_loss, "store {} is corrupt: {}", database.path(), verdict);
  const auto revision = TRY(database.integer("SELECT value FROM meta WHERE name = 'revision'"));
  const auto newest =
      TRY(database.integer("SELECT max(ifnull((SELECT max(id) >> 20 FROM log), 0), ifnull((SELECT max(revision) FROM records), 0))"));
  if (revision < 1 || newest > revision)
    return fail(Code::data_loss, "store {} is corrupt: it has changes of revision {}, but ends at {}", database.path(), newest, revision);
  return {};
}

Result<bool> is_empty_file(const std::string& path) {
  const auto st = TRY(sys::lstat(path));
  return !st || st->st_size == 0;
}

}  // namespace

Result<Opened> open_store_file(const std::string& path, const SqliteOptions& options) {
  Opened opened;
  opened.lock = TRY(take_lock(path));
  const bool fresh = TRY(is_empty_file(path));
  if (fresh) {
    // SQLite would make the file with the umask's mode.
    TRY(sys::open(path, O_RDWR | O_CREAT, 0600));
  }
  opened.writer = TRY(Database::open(path, SQLITE_OPEN_READWRITE));
  Database& db = *opened.writer;
  // Killed while the schema was being made: the file is there with only a journal, or with a header and no application ID.
  const bool unmade = fresh || TRY(db.integer("SELECT count(*) FROM sqlite_schema")) == 0;
  if (!unmade) {
    sqlite3_db_config(db.handle(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
    TRY(check_integrity(db));
    sqlite3_db_config(db.handle(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, nullptr);
  }
  const auto mode = TRY(db.text("PRAGMA journal_mode = WAL"));
  if (mode != "wal") return fail(Code::failed_precondition, "store {}: the file system cannot do write-ahead logging (got {})", path, mode);
  TRY(db.execute(options.sync_every_commit ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = NORMAL"));
  TRY(db.execute(
      "PRAGMA journal_size_limit = 67108864; PRAGMA cache_size = -4096; PRAGMA foreign_keys = OFF; PRAGMA trusted_schema = OFF"));
  const auto page_size = TRY(db.integer("PRAGMA page_size"));
  TRY(db.execute(fmt::format("PRAGMA max_page_count = {}", options.max_size / static_cast<std::size_t>(page_size))));
  if (unmade) TRY(db.execute(kSchema), "make");
  return opened;
}

Result<std::unique_ptr<Database>> open_reader(const std::string& path) {
  auto db = TRY(Database::open(path, SQLITE_OPEN_READWRITE));  // WAL readers write to the shared index
  TRY(db->execute("PRAGMA query_only = ON; PRAGMA cache_size = -1024"));
  return db;
}

}  // namespace fulcrum::store::sqlite
