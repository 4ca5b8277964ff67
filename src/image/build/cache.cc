#include "image/build/cache.h"

#include <unistd.h>

#include <utility>

namespace fulcrum::image::build {

namespace {

constexpr const char* kSchema = R"(
CREATE TABLE IF NOT EXISTS steps (key TEXT PRIMARY KEY, parent TEXT NOT NULL, comment TEXT NOT NULL, created TEXT NOT NULL,
                                  diff_id TEXT NOT NULL, size INTEGER NOT NULL, disk_bytes INTEGER NOT NULL,
                                  added INTEGER NOT NULL, used INTEGER NOT NULL, uses INTEGER NOT NULL) WITHOUT ROWID;
)";

std::string nanoseconds(Time time) { return std::to_string(time.time_since_epoch().count()); }
Time time_of(std::int64_t nanoseconds) { return Time(std::chrono::nanoseconds(nanoseconds)); }

}  // namespace

Result<BuildCache> BuildCache::open(const std::string& path) {
  auto db = sqlite::open(path, kSchema);
  if (!db && db.error().code == Code::data_loss) {
    for (const char* suffix : {"", "-wal", "-shm"}) ::unlink((path + suffix).c_str());
    db = sqlite::open(path, kSchema);
  }
  return BuildCache(TRY(std::move(db), "build cache"));
}

Result<std::vector<CachedStep>> BuildCache::load(const std::string& where, const std::vector<std::string>& values) const {
  const std::lock_guard lock(*mutex_);
  std::vector<CachedStep> steps;
  const auto each = [&](const sqlite::Row& row) {
    CachedStep step{.key = row.text(0),
                    .parent = row.text(1),
                    .comment = row.text(2),
                    .created = row.text(3),
                    .added = time_of(row.number(7)),
                    .used = time_of(row.number(8)),
                    .uses = static_cast<std::uint64_t>(row.number(9))};
    if (auto diff_id = row.text(4); !diff_id.empty())
      step.layer = BuiltLayer{.diff_id = Digest(std::move(diff_id)),
                              .size = static_cast<std::uint64_t>(row.number(5)),
                              .disk_bytes = static_cast<std::uint64_t>(row.number(6))};
    steps.push_back(std::move(step));
  };
  TRY(sqlite::run(db_.get(), "SELECT key, parent, comment, created, diff_id, size, disk_bytes, added, used, uses FROM steps " + where,
                  values, each));
  return steps;
}

Result<std::optional<CachedStep>> BuildCache::find(const std::string& key) const {
  auto found = TRY(load("WHERE key = ?1", {key}));
  if (found.empty()) return std::nullopt;
  return std::move(found.front());
}

Result<> BuildCache::put(const CachedStep& step) {
  const std::lock_guard lock(*mutex_);
  const auto layer = step.layer.value_or(BuiltLayer{});
  return sqlite::run(db_.get(), "INSERT OR REPLACE INTO steps VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
                     {step.key, step.parent, step.comment, step.created, layer.diff_id.str(), std::to_string(layer.size),
                      std::to_string(layer.disk_bytes), nanoseconds(step.added), nanoseconds(step.used), std::to_string(step.uses)});
}

Result<> BuildCache::touch(const std::vector<std::string>& keys, Time now) {
  const std::lock_guard lock(*mutex_);
  auto transaction = TRY(sqlite::Transaction::begin(db_.get()));
  for (const auto& key : keys)
    TRY(sqlite::run(db_.get(), "UPDATE steps SET used = ?2, uses = uses + 1 WHERE key = ?1", {key, nanoseconds(now)}));
  return transaction.commit();
}

Result<std::vector<CachedStep>> BuildCache::list() const { return load("ORDER BY used, added, key", {}); }

Result<> BuildCache::remove(const std::vector<std::string>& keys) {
  const std::lock_guard lock(*mutex_);
  auto transaction = TRY(sqlite::Transaction::begin(db_.get()));
  for (const auto& key : keys) TRY(sqlite::run(db_.get(), "DELETE FROM steps WHERE key = ?1", {key}));
  return transaction.commit();
}

Result<std::set<std::string>> BuildCache::live() const {
  const std::lock_guard lock(*mutex_);
  std::set<std::string> found;
  TRY(sqlite::run(db_.get(), "SELECT DISTINCT diff_id FROM steps WHERE diff_id <> ''", {},
                  [&](const sqlite::Row& row) { found.insert(row.text(0)); }));
  return found;
}

}  // namespace fulcrum::image::build
