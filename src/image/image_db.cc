#include "image/image_db.h"

#include <sqlite3.h>

#include <array>
#include <utility>

namespace fulcrum::image {

namespace {

constexpr const char* kSchema = R"(
CREATE TABLE IF NOT EXISTS images (id TEXT PRIMARY KEY, manifest TEXT NOT NULL, media_type TEXT NOT NULL, size INTEGER NOT NULL,
                                   added INTEGER NOT NULL, tagged INTEGER NOT NULL DEFAULT 0,
                                   parent TEXT NOT NULL DEFAULT '', hidden INTEGER NOT NULL DEFAULT 0);
CREATE TABLE IF NOT EXISTS layers (image TEXT NOT NULL REFERENCES images(id) ON DELETE CASCADE, position INTEGER NOT NULL,
                                   diff_id TEXT NOT NULL, blob TEXT NOT NULL, media_type TEXT NOT NULL, size INTEGER NOT NULL,
                                   PRIMARY KEY (image, position)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS names (name TEXT PRIMARY KEY, image TEXT NOT NULL REFERENCES images(id) ON DELETE CASCADE) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS names_image ON names (image);
CREATE TABLE IF NOT EXISTS holders (holder TEXT NOT NULL, image TEXT NOT NULL REFERENCES images(id), PRIMARY KEY (holder, image))
                                   WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS holders_image ON holders (image);
)";

/// Columns that came later: a data folder of an earlier version gets them when it is opened.
constexpr std::array kAddedColumns = std::to_array<std::pair<const char*, const char*>>({
    {"tagged", "ALTER TABLE images ADD COLUMN tagged INTEGER NOT NULL DEFAULT 0"},
    {"parent", "ALTER TABLE images ADD COLUMN parent TEXT NOT NULL DEFAULT ''"},
    {"hidden", "ALTER TABLE images ADD COLUMN hidden INTEGER NOT NULL DEFAULT 0"},
});

using sqlite::exec;
using sqlite::Row;
using sqlite::run;
using sqlite::Transaction;

/// What commits within its life is on the disk, with all that was committed before.
class Durably {
 public:
  static Result<Durably> begin(sqlite3* db) {
    TRY(exec(db, "PRAGMA synchronous = FULL"));
    return Durably(db);
  }
  Durably(Durably&& other) noexcept : db_(std::exchange(other.db_, nullptr)) {}
  Durably& operator=(Durably&&) = delete;
  ~Durably() {
    if (db_ != nullptr) static_cast<void>(exec(db_, "PRAGMA synchronous = NORMAL"));
  }

 private:
  explicit Durably(sqlite3* db) : db_(db) {}
  sqlite3* db_;
};

Result<> add_columns(sqlite3* db) {
  std::set<std::string> there;
  TRY(run(db, "SELECT name FROM pragma_table_info('images')", {}, [&](const Row& row) { there.insert(row.text(0)); }));
  for (const auto& [name, statement] : kAddedColumns)
    if (!there.contains(name)) TRY(exec(db, statement));
  return {};
}

/// What is hidden and held by nobody goes.
constexpr const char* kDropHidden = "DELETE FROM images WHERE hidden AND NOT EXISTS (SELECT 1 FROM holders WHERE image = images.id)";
constexpr const char* kSetName = "INSERT INTO names (name, image) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET image = excluded.image";

}  // namespace

Result<ImageDb> ImageDb::open(const std::string& path) {
  auto db = TRY(sqlite::open(path, kSchema));
  TRY(add_columns(db.get()), "{}", path);
  return ImageDb(std::move(db));
}

Result<> ImageDb::add(const ImageRecord& image) {
  const std::lock_guard lock(*mutex_);
  const auto durably = TRY(Durably::begin(db_.get()));
  auto transaction = TRY(Transaction::begin(db_.get()));
  const auto& id = image.id.str();
  const auto nanoseconds = [](Time time) { return std::to_string(time.time_since_epoch().count()); };
  TRY(run(db_.get(),
          "INSERT OR IGNORE INTO images (id, manifest, media_type, size, added, tagged, parent) VALUES (?1, ?2, ?3, ?4, ?5, 0, ?6)",
          {id, image.manifest.str(), image.manifest_media_type, std::to_string(image.size), nanoseconds(image.added), image.parent.str()}));
  const bool is_new = ::sqlite3_changes(db_.get()) > 0;
  TRY(run(db_.get(), "UPDATE images SET hidden = 0, tagged = max(tagged, CAST(?2 AS INTEGER)) WHERE id = ?1",
          {id, nanoseconds(image.tagged)}));
  if (is_new) {
    for (std::size_t i = 0; i < image.layers.size(); ++i) {
      const auto& layer = image.layers[i];
      TRY(run(db_.get(), "INSERT INTO layers (image, position, diff_id, blob, media_type, size) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
              {id, std::to_string(i), layer.diff_id.str(), layer.blob.str(), layer.media_type, std::to_string(layer.size)}));
    }
  }
  for (const auto* names : {&image.tags, &image.repo_digests}) {
    for (const auto& name : *names) TRY(run(db_.get(), kSetName, {name, id}));
  }
  return transaction.commit();
}

Result<std::vector<ImageRecord>> ImageDb::load(const std::string& where, const std::vector<std::string>& values) const {
  const std::lock_guard lock(*mutex_);
  std::vector<ImageRecord> images;
  TRY(run(db_.get(), "SELECT id, manifest, media_type, size, added, tagged, parent FROM images " + where, values, [&](const Row& row) {
    images.push_back({.id = ImageId(row.text(0)),
                      .manifest = Digest(row.text(1)),
                      .manifest_media_type = row.text(2),
                      .size = static_cast<std::uint64_t>(row.number(3)),
                      .added = Time(std::chrono::nanoseconds(row.number(4))),
                      .tagged = Time(std::chrono::nanoseconds(row.number(5))),
                      .parent = ImageId(row.text(6))});
  }));
  for (auto& image : images) {
    TRY(run(db_.get(), "SELECT diff_id, blob, media_type, size FROM layers WHERE image = ?1 ORDER BY position", {image.id.str()},
            [&](const Row& row) {
              image.layers.push_back({.diff_id = Digest(row.text(0)),
                                      .blob = Digest(row.text(1)),
                                      .media_type = row.text(2),
                                      .size = static_cast<std::uint64_t>(row.number(3))});
            }));
    TRY(run(db_.get(), "SELECT name FROM names WHERE image = ?1 ORDER BY name", {image.id.str()}, [&](const Row& row) {
      auto name = row.text(0);
      (name.find('@') == std::string::npos ? image.tags : image.repo_digests).push_back(std::move(name));
    }));
  }
  return images;
}

Result<std::optional<ImageRecord>> ImageDb::get(const ImageId& id) const {
  auto found = TRY(load("WHERE id = ?1", {id.str()}));
  if (found.empty()) return std::nullopt;
  return std::move(found.front());
}

Result<std::vector<ImageRecord>> ImageDb::list() const { return load("WHERE NOT hidden ORDER BY added DESC, id", {}); }

Result<std::optional<ImageId>> ImageDb::find_name(const std::string& name) const {
  const std::lock_guard lock(*mutex_);
  std::optional<ImageId> found;
  TRY(run(db_.get(), "SELECT image FROM names WHERE name = ?1", {name}, [&](const Row& row) { found = ImageId(row.text(0)); }));
  return found;
}

Result<std::vector<ImageId>> ImageDb::find_prefix(const std::string& prefix, Find which) const {
  const std::lock_guard lock(*mutex_);
  std::vector<ImageId> found;
  const std::string visible = which == Find::visible ? " AND NOT hidden" : "";
  TRY(run(db_.get(), "SELECT id FROM images WHERE substr(id, 1, length(?1)) = ?1" + visible + " LIMIT 2", {prefix},
          [&](const Row& row) { found.emplace_back(row.text(0)); }));
  return found;
}

Result<> ImageDb::tag(const std::string& name, const ImageId& id, Time now) {
  const std::lock_guard lock(*mutex_);
  const auto durably = TRY(Durably::begin(db_.get()));
  auto transaction = TRY(Transaction::begin(db_.get()));
  TRY(run(db_.get(), kSetName, {name, id.str()}));
  TRY(run(db_.get(), "UPDATE images SET tagged = max(tagged, CAST(?2 AS INTEGER)), hidden = 0 WHERE id = ?1",
          {id.str(), std::to_string(now.time_since_epoch().count())}));
  return transaction.commit();
}

Result<bool> ImageDb::hide(const ImageId& id) {
  const std::lock_guard lock(*mutex_);
  const auto durably = TRY(Durably::begin(db_.get()));
  auto transaction = TRY(Transaction::begin(db_.get()));
  TRY(run(db_.get(), "UPDATE images SET hidden = 1 WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM names WHERE image = ?1)", {id.str()}));
  const bool hidden = ::sqlite3_changes(db_.get()) > 0;
  TRY(run(db_.get(), kDropHidden, {}));
  TRY(transaction.commit());
  return hidden;
}

Result<bool> ImageDb::drop(const ImageId& id, const std::vector<std::string>& names, Drop how) {
  const std::lock_guard lock(*mutex_);
  const auto durably = TRY(Durably::begin(db_.get()));
  auto transaction = TRY(Transaction::begin(db_.get()));
  bool held = false;
  TRY(run(db_.get(), "SELECT 1 FROM holders WHERE image = ?1", {id.str()}, [&](const Row&) { held = true; }));
  if (held && how == Drop::unless_held) return false;
  for (const auto& name : names) TRY(run(db_.get(), "DELETE FROM names WHERE name = ?1 AND image = ?2", {name, id.str()}));
  bool gone = false;
  if (!held && how != Drop::names) {
    TRY(run(db_.get(), "DELETE FROM images WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM names WHERE image = ?1)", {id.str()}));
    gone = ::sqlite3_changes(db_.get()) > 0;
  }
  TRY(transaction.commit());
  return gone;
}

Result<> ImageDb::hold(const ImageId& id, const std::string& holder) {
  const std::lock_guard lock(*mutex_);
  bool there = false;
  TRY(run(db_.get(), "SELECT 1 FROM images WHERE id = ?1", {id.str()}, [&](const Row&) { there = true; }));
  if (!there) return fail(Code::not_found, "no such image: {}", id.str());
  return run(db_.get(), "INSERT OR IGNORE INTO holders (holder, image) VALUES (?1, ?2)", {holder, id.str()});
}

Result<> ImageDb::release(const std::string& holder) {
  const std::lock_guard lock(*mutex_);
  TRY(run(db_.get(), "DELETE FROM holders WHERE holder = ?1", {holder}));
  return ::sqlite3_changes(db_.get()) > 0 ? run(db_.get(), kDropHidden, {}) : Result<>();
}

Result<std::vector<std::string>> ImageDb::holders(const ImageId& id) const {
  const std::lock_guard lock(*mutex_);
  std::vector<std::string> found;
  TRY(run(db_.get(), "SELECT holder FROM holders WHERE image = ?1 ORDER BY holder", {id.str()},
          [&](const Row& row) { found.push_back(row.text(0)); }));
  return found;
}

Result<std::set<std::string>> ImageDb::live() const {
  const std::lock_guard lock(*mutex_);
  std::set<std::string> found;
  TRY(run(db_.get(),
          "SELECT id FROM images UNION SELECT manifest FROM images UNION SELECT diff_id FROM layers UNION SELECT blob FROM layers", {},
          [&](const Row& row) { found.insert(row.text(0)); }));
  return found;
}

}  // namespace fulcrum::image
