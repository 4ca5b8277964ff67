#include "store/sqlite/open.h"

#include <sys/file.h>
#include <unistd.h>

#include <functional>

#include "base/sys.h"

namespace fulcrum::store::sqlite {
namespace {

constexpr std::int64_t kApplicationId = 0x46554c43;  // "FULC"
constexpr std::int64_t kSchemaVersion = 1;
constexpr std::int64_t kLostRevisions = 1'000'000;  ///< more than the commits of one second

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
  INSERT INTO meta VALUES ('revision', 1), ('compacted', 0), ('boot', 0);
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

/// See SqliteOptions::boot_id.
Result<> note_boot(Database& db, const SqliteOptions& options) {
  const auto id = options.boot_id.empty() ? TRY(sys::read_file("/proc/sys/kernel/random/boot_id", 64)) : options.boot_id;
  // Collisions of the hash are as good as an unchanged boot: one in 2^62.
  const auto boot = static_cast<std::int64_t>(std::hash<std::string>()(id) >> 2 | 1);
  const auto before = TRY(db.integer("SELECT value FROM meta WHERE name = 'boot'"));
  if (before == boot) return {};
  auto unit = TRY(Unit::begin(db, Unit::Kind::write));
  TRY(db.execute(fmt::format("UPDATE meta SET value = {} WHERE name = 'boot'", boot)));
  if (before != 0 && !options.sync_every_commit) {
    TRY(db.execute(fmt::format("UPDATE meta SET value = value + {} WHERE name = 'revision'", kLostRevisions)));
    TRY(db.execute("UPDATE meta SET value = (SELECT value FROM meta WHERE name = 'revision') WHERE name = 'compacted'; DELETE FROM log"));
  }
  return unit.commit();
}

}  // namespace

Result<> sync_log(const std::string& path) {
  auto fd = sys::open(path + "-wal", O_RDONLY);
  if (!fd) return fd.error().code == Code::not_found ? Result<>() : std::unexpected(fd.error());
  if (::fdatasync(fd->get()) < 0) return fail_errno(errno, "sync {}", path);
  return {};
}

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
  TRY(note_boot(db, options));
  return opened;
}

Result<std::unique_ptr<Database>> open_reader(const std::string& path) {
  auto db = TRY(Database::open(path, SQLITE_OPEN_READWRITE));  // WAL readers write to the shared index
  TRY(db->execute("PRAGMA query_only = ON; PRAGMA cache_size = -1024"));
  return db;
}

}  // namespace fulcrum::store::sqlite
