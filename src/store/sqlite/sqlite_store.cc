#include "store/sqlite/sqlite_store.h"

#include <algorithm>
#include <atomic>
#include <mutex>

#include "store/lease_table.h"
#include "store/sqlite/open.h"
#include "store/watch_hub.h"

namespace fulcrum::store {
namespace {

using sqlite::Database;
using sqlite::Run;
using sqlite::Unit;

constexpr int kSequenceBits = 20;
constexpr std::int64_t kMaxChanges = (std::int64_t{1} << kSequenceBits) - 1;
constexpr std::size_t kIdleReaders = 4;

constexpr std::int64_t first_id(Revision revision) { return revision << kSequenceBits; }

/// The last bound of a range of keys: no key is that long, so for an empty prefix this is above all.
std::string upper_bound(std::string_view prefix) {
  auto end = prefix_end(prefix);
  return end.empty() ? std::string(kMaxKeySize + 1, '\xff') : end;
}

Record record_of(const Run& row) {
  return {.key = row.bytes(0), .value = row.bytes(1), .created = row.integer(2), .revision = row.integer(3), .lease = row.integer(4)};
}

class SqliteStore final : public Store, public EventLog {
 public:
  SqliteStore(sqlite::Opened opened, const SqliteOptions& options)
      : lock_(std::move(opened.lock)),
        retention_(options.retention),
        sync_every_commit_(options.sync_every_commit),
        leases_(*options.clock),
        writer_(std::move(opened.writer)) {}
  ~SqliteStore() override { hub_->close(); }

  /// Reads what is kept in memory too. Called once.
  Result<> load() {
    revision_ = TRY(writer_->integer("SELECT value FROM meta WHERE name = 'revision'"));
    compacted_ = TRY(writer_->integer("SELECT value FROM meta WHERE name = 'compacted'"));
    TRY(count_log());
    auto rows = TRY(writer_->prepare("SELECT id, ttl FROM leases"));
    while (TRY(rows.step())) leases_.restore(rows.integer(0), std::chrono::nanoseconds(rows.integer(1)), false);
    return {};
  }

  Result<std::optional<Record>> get(std::string_view key) override;
  Result<Listing> list(std::string_view prefix, const ListOptions& options) override;
  Result<Revision> commit(const Transaction& transaction) override;
  Result<std::unique_ptr<Watch>> watch(std::string_view prefix, Revision from) override;
  Result<Revision> revision() override { return revision_.load(); }
  Result<> compact(Revision revision) override;
  Result<LeaseId> grant(std::chrono::nanoseconds ttl) override;
  Result<> keepalive(LeaseId lease) override;
  Result<> revoke(LeaseId lease) override;
  Result<std::optional<Time>> maintain() override;
  Result<LogPage> read_log(std::string_view prefix, Revision after, std::size_t limit) override;

 protected:
  Result<Revision> apply(const Operation& operation, Revision expected) override;

 private:
  /// A commit being put together; its effects on memory happen after COMMIT.
  struct Change {
    Revision revision;
    std::vector<std::string> keys;
    std::size_t bytes = 0;
  };

  /// A reading connection, borrowed from the pool.
  class Reader {
   public:
    Reader(SqliteStore& store, std::unique_ptr<Database> db) : store_(store), db_(std::move(db)) {}
    Reader(Reader&&) = default;
    ~Reader() {
      if (db_ != nullptr) store_.give_back(std::move(db_));
    }
    Database& operator*() { return *db_; }
    Database* operator->() { return db_.get(); }

   private:
    SqliteStore& store_;
    std::unique_ptr<Database> db_;
  };
  Result<Reader> borrow();
  void give_back(std::unique_ptr<Database> db);

  Result<Revision> revision_of(std::string_view key);
  Result<> put(Change& change, const Put& put);
  Result<> remove_one(Change& change, std::string_view key);
  Result<> log(Change& change, bool removed, const Record& record, Revision previous);
  Result<Revision> run(const std::vector<Operation>& operations);
  Result<> finish(Unit unit, const Change& change);
  Result<> end_lease(LeaseId lease);
  Result<> compact_locked(Revision revision);
  Result<> enforce_retention(std::size_t slack);
  Result<> count_log();

  UniqueFd lock_;  ///< dropped last
  const RetentionPolicy retention_;
  const bool sync_every_commit_;
  LeaseTable leases_;

  std::mutex write_mutex_;  ///< guards writer_ and the log's size, and orders commits with their notifications
  std::unique_ptr<Database> writer_;
  std::size_t log_events_ = 0;
  std::size_t log_bytes_ = 0;

  std::atomic<Revision> revision_ = 0;
  std::atomic<Revision> compacted_ = 0;
  std::atomic<Revision> synced_ = 0;  ///< the last revision that maintain() put on the disk

  std::mutex readers_mutex_;
  std::vector<std::unique_ptr<Database>> readers_;
  std::shared_ptr<WatchHub> hub_ = std::make_shared<WatchHub>(*this);
};

Result<SqliteStore::Reader> SqliteStore::borrow() {
  {
    std::lock_guard lock(readers_mutex_);
    if (!readers_.empty()) {
      auto db = std::move(readers_.back());
      readers_.pop_back();
      return Reader(*this, std::move(db));
    }
  }
  return Reader(*this, TRY(sqlite::open_reader(writer_->path())));
}

void SqliteStore::give_back(std::unique_ptr<Database> db) {
  std::lock_guard lock(readers_mutex_);
  if (readers_.size() < kIdleReaders) readers_.push_back(std::move(db));
}

Result<std::optional<Record>> SqliteStore::get(std::string_view key) {
  TRY(validate_key(key));
  auto db = TRY(borrow());
  auto row = TRY(db->prepare("SELECT key, value, created, revision, lease FROM records WHERE key = ?1"));
  row.bind(1, key);
  if (!TRY(row.step())) return std::nullopt;
  return record_of(row);
}

Result<Listing> SqliteStore::list(std::string_view prefix, const ListOptions& options) {
  const std::size_t limit = options.limit == 0 ? kMaxPageSize : std::min(options.limit, kMaxPageSize);
  auto db = TRY(borrow());
  auto unit = TRY(Unit::begin(*db, Unit::Kind::read));
  Listing page;
  page.revision = TRY(db->integer("SELECT value FROM meta WHERE name = 'revision'"));
  const auto end = upper_bound(prefix);
  auto rows =
      TRY(db->prepare("SELECT key, value, created, revision, lease FROM records WHERE key >= ?1 AND key < ?2 ORDER BY key LIMIT ?3"));
  rows.bind(1, std::max(prefix, std::string_view(options.from))).bind(2, end).bind(3, static_cast<std::int64_t>(limit) + 1);
  while (TRY(rows.step())) {
    if (page.records.size() == limit) {
      page.next = rows.bytes(0);
      break;
    }
    page.records.push_back(record_of(rows));
  }
  return page;
}

Result<Revision> SqliteStore::revision_of(std::string_view key) {
  auto row = TRY(writer_->prepare("SELECT revision FROM records WHERE key = ?1"));
  row.bind(1, key);
  return TRY(row.step()) ? row.integer(0) : kAbsent;
}

Result<Revision> SqliteStore::commit(const Transaction& transaction) {
  TRY(validate(transaction));
  std::lock_guard lock(write_mutex_);
  for (const auto& [key, expected] : transaction.compares) {
    const Revision actual = TRY(revision_of(key));
    const bool holds = expected == kAnyRevision ? actual != kAbsent : actual == expected;
    if (!holds) return fail(Code::aborted, "{} is at revision {}, not {}", key, actual, expected);
  }
  return run(transaction.operations);
}

Result<Revision> SqliteStore::apply(const Operation& operation, Revision expected) {
  const std::string& key = std::holds_alternative<Put>(operation) ? std::get<Put>(operation).key : std::get<Remove>(operation).key;
  std::lock_guard lock(write_mutex_);
  const Revision actual = TRY(revision_of(key));
  if (expected == kAbsent && actual != kAbsent) return fail(Code::already_exists, "{}", key);
  if (expected != kAbsent && actual == kAbsent) return fail(Code::not_found, "{}", key);
  if (expected > 0 && actual != expected) return fail(Code::aborted, "{} is at revision {}, not {}", key, actual, expected);
  return run({operation});
}

Result<> SqliteStore::log(Change& change, bool removed, const Record& record, Revision previous) {
  const auto sequence = static_cast<std::int64_t>(change.keys.size());
  auto insert =
      TRY(writer_->prepare("INSERT INTO log (id, removed, key, value, created, lease, previous) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)"));
  insert.bind(1, first_id(change.revision) | sequence).bind(2, removed ? 1 : 0).bind(3, record.key).bind(4, record.value);
  insert.bind(5, record.created).bind(6, record.lease).bind(7, previous);
  TRY(insert.step());
  change.bytes += record.key.size() + record.value.size();
  change.keys.push_back(record.key);
  return {};
}

Result<> SqliteStore::put(Change& change, const Put& put) {
  if (put.lease != kNoLease && !leases_.contains(put.lease)) return fail(Code::not_found, "lease {} of {}", put.lease, put.key);
  Revision previous = kAbsent;
  Revision created = change.revision;
  {
    auto row = TRY(writer_->prepare("SELECT revision, created FROM records WHERE key = ?1"));
    row.bind(1, put.key);
    if (TRY(row.step())) {
      previous = row.integer(0);
      created = row.integer(1);
    }
  }
  {
    auto write = TRY(writer_->prepare(previous == kAbsent
                                          ? "INSERT INTO records (key, value, created, revision, lease) VALUES (?1, ?2, ?3, ?4, ?5)"
                                          : "UPDATE records SET value = ?2, created = ?3, revision = ?4, lease = ?5 WHERE key = ?1"));
    write.bind(1, put.key).bind(2, put.value).bind(3, created).bind(4, change.revision).bind(5, put.lease);
    TRY(write.step());
  }
  return log(change, false, {.key = put.key, .value = put.value, .created = created, .lease = put.lease}, previous);
}

Result<> SqliteStore::remove_one(Change& change, std::string_view key) {
  Record last;
  {
    auto row = TRY(writer_->prepare("SELECT key, value, created, revision, lease FROM records WHERE key = ?1"));
    row.bind(1, key);
    if (!TRY(row.step())) return {};
    last = record_of(row);
  }
  {
    auto erase = TRY(writer_->prepare("DELETE FROM records WHERE key = ?1"));
    erase.bind(1, key);
    TRY(erase.step());
  }
  return log(change, true, last, last.revision);
}

Result<Revision> SqliteStore::run(const std::vector<Operation>& operations) {
  auto unit = TRY(Unit::begin(*writer_, Unit::Kind::write));
  Change change{.revision = revision_ + 1, .keys = {}};
  for (const auto& operation : operations) {
    if (const auto* write = std::get_if<Put>(&operation)) {
      TRY(put(change, *write));
    } else {
      TRY(remove_one(change, std::get<Remove>(operation).key));
    }
  }
  if (change.keys.empty()) return revision_.load();
  TRY(finish(std::move(unit), change));
  // The commit stands, whatever becomes of the log; what fails here is tried again by maintain(), which reports it.
  [[maybe_unused]] const auto retained = enforce_retention(4);
  return change.revision;
}

Result<> SqliteStore::finish(Unit unit, const Change& change) {
  {
    auto update = TRY(writer_->prepare("UPDATE meta SET value = ?1 WHERE name = 'revision'"));
    update.bind(1, change.revision);
    TRY(update.step());
  }
  TRY(unit.commit());
  revision_ = change.revision;
  log_events_ += change.keys.size();
  log_bytes_ += change.bytes;
  hub_->notify(change.revision, change.keys);
  return {};
}

Result<std::unique_ptr<Watch>> SqliteStore::watch(std::string_view prefix, Revision from) {
  // Under the writer's lock no notification can fall between the look at the revision and the registration.
  std::lock_guard lock(write_mutex_);
  const Revision after = from <= 0 ? revision_.load() : from - 1;
  if (after < compacted_)
    return fail(Code::out_of_range, "watch {}: revision {} was compacted, the oldest is {}", prefix, from, compacted_ + 1);
  return hub_->add(prefix, after, after < revision_);
}

Result<LogPage> SqliteStore::read_log(std::string_view prefix, Revision after, std::size_t limit) {
  auto db = TRY(borrow());
  auto unit = TRY(Unit::begin(*db, Unit::Kind::read));
  LogPage page;
  page.upto = TRY(db->integer("SELECT value FROM meta WHERE name = 'revision'"));
  page.compacted = TRY(db->integer("SELECT value FROM meta WHERE name = 'compacted'"));
  const auto end = upper_bound(prefix);
  auto rows = TRY(db->prepare(
      "SELECT key, value, created, id >> 20, lease, removed, previous FROM log WHERE id >= ?1 AND key >= ?2 AND key < ?3 ORDER BY id"));
  rows.bind(1, first_id(after + 1)).bind(2, prefix).bind(3, end);
  while (TRY(rows.step())) {
    if (page.events.size() >= limit && rows.integer(3) != page.events.back().record.revision) {
      page.upto = rows.integer(3) - 1;
      page.more = true;
      break;
    }
    page.events.push_back({rows.integer(5) != 0 ? Event::Type::removed : Event::Type::put, record_of(rows), rows.integer(6)});
  }
  return page;
}

Result<> SqliteStore::compact(Revision revision) {
  std::lock_guard lock(write_mutex_);
  if (revision > revision_) return fail(Code::out_of_range, "compact to {}: the store is at revision {}", revision, revision_.load());
  return compact_locked(revision);
}

Result<> SqliteStore::compact_locked(Revision revision) {
  if (revision <= compacted_) return {};
  {
    auto unit = TRY(Unit::begin(*writer_, Unit::Kind::write));
    auto erase = TRY(writer_->prepare("DELETE FROM log WHERE id < ?1"));
    erase.bind(1, first_id(revision + 1));
    TRY(erase.step());
    auto update = TRY(writer_->prepare("UPDATE meta SET value = ?1 WHERE name = 'compacted'"));
    update.bind(1, revision);
    TRY(update.step());
    TRY(unit.commit());
  }
  compacted_ = revision;
  return count_log();
}

Result<> SqliteStore::count_log() {
  auto row = TRY(writer_->prepare("SELECT count(*), ifnull(sum(length(key) + length(value)), 0) FROM log"));
  TRY(row.step());
  log_events_ = static_cast<std::size_t>(row.integer(0));
  log_bytes_ = static_cast<std::size_t>(row.integer(1));
  return {};
}

Result<> SqliteStore::enforce_retention(std::size_t slack) {
  const bool many = log_events_ > slack * retention_.events;
  const bool big = log_bytes_ > retention_.bytes;
  if (!many && !big) return {};
  const std::size_t keep = big ? std::min(retention_.events, log_events_ / 2) : retention_.events;
  if (keep == 0) return compact_locked(revision_);
  Revision oldest_kept;
  {
    auto row = TRY(writer_->prepare("SELECT id >> 20 FROM log ORDER BY id DESC LIMIT 1 OFFSET ?1"));
    row.bind(1, static_cast<std::int64_t>(keep - 1));
    if (!TRY(row.step())) return {};
    oldest_kept = row.integer(0);
  }
  return compact_locked(oldest_kept - 1);
}

Result<LeaseId> SqliteStore::grant(std::chrono::nanoseconds ttl) {
  std::lock_guard lock(write_mutex_);
  const LeaseId id = TRY(leases_.add(ttl));
  const auto stored = [&]() -> Result<> {
    auto insert = TRY(writer_->prepare("INSERT INTO leases (id, ttl) VALUES (?1, ?2)"));
    insert.bind(1, id).bind(2, ttl.count());
    TRY(insert.step());
    return {};
  }();
  if (!stored) {
    leases_.take(id);
    return std::unexpected(with_context(stored.error(), "grant a lease"));
  }
  return id;
}

Result<> SqliteStore::keepalive(LeaseId lease) {
  if (!leases_.keepalive(lease)) return fail(Code::not_found, "lease {}", lease);
  return {};
}

Result<> SqliteStore::revoke(LeaseId lease) {
  std::lock_guard lock(write_mutex_);
  const auto ttl = leases_.take(lease);
  if (!ttl) return fail(Code::not_found, "lease {}", lease);
  auto ended = end_lease(lease);
  if (!ended) leases_.restore(lease, *ttl, false);
  return ended;
}

Result<> SqliteStore::end_lease(LeaseId lease) {
  auto unit = TRY(Unit::begin(*writer_, Unit::Kind::write));
  std::vector<std::string> keys;
  {
    auto rows = TRY(writer_->prepare("SELECT key FROM records WHERE lease = ?1 AND lease <> 0 ORDER BY key LIMIT ?2"));
    rows.bind(1, lease).bind(2, kMaxChanges + 1);
    while (TRY(rows.step())) keys.push_back(rows.bytes(0));
  }
  if (keys.size() > kMaxChanges) return fail(Code::resource_exhausted, "lease {} has more than {} keys", lease, kMaxChanges);
  Change change{.revision = revision_ + 1, .keys = {}};
  for (const auto& key : keys) TRY(remove_one(change, key));
  {
    auto erase = TRY(writer_->prepare("DELETE FROM leases WHERE id = ?1"));
    erase.bind(1, lease);
    TRY(erase.step());
  }
  if (change.keys.empty()) return unit.commit();
  return finish(std::move(unit), change);
}

Result<std::optional<Time>> SqliteStore::maintain() {
  while (const auto lease = leases_.due()) {
    std::lock_guard lock(write_mutex_);
    const auto ttl = leases_.take_due(*lease);
    if (!ttl) continue;
    if (const auto ended = end_lease(*lease); !ended) {
      leases_.restore(*lease, *ttl, true);
      return std::unexpected(with_context(ended.error(), "end a lease"));
    }
  }
  {
    std::lock_guard lock(write_mutex_);
    TRY(enforce_retention(2), "compact");
  }
  const Revision now = revision_;
  if (!sync_every_commit_ && synced_.exchange(now) != now) {
    if (const auto synced = sqlite::sync_log(writer_->path()); !synced) {
      synced_ = 0;
      return std::unexpected(synced.error());
    }
  }
  return leases_.next();
}

}  // namespace

Result<std::unique_ptr<Store>> open_sqlite_store(const std::string& path, const SqliteOptions& options) {
  auto store = std::make_unique<SqliteStore>(TRY(sqlite::open_store_file(path, options)), options);
  TRY(store->load());
  return store;
}

}  // namespace fulcrum::store
