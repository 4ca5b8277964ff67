#include "image/image_store.h"

#include <sys/eventfd.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <set>
#include <thread>

#include "api/oci/image_spec.h"
#include "base/scope_exit.h"
#include "base/sys.h"
#include "image/build/cache.h"
#include "image/image_db.h"
#include "image/leases.h"

namespace fulcrum::image {

struct ImageStore::State {
  UniqueFd lock;
  ContentStore content;
  LayerStore layers;
  ImageDb db;
  build::BuildCache build_cache;
  const Clock& clock;
  std::shared_ptr<Lease::Shared> leases;  ///< shared with the leases given out

  Result<ImageRecord> find(std::string_view text, ImageDb::Find which = ImageDb::Find::visible) const;
  Result<ImageId> find_id(std::string_view text, ImageDb::Find which = ImageDb::Find::visible) const;
};

namespace {

std::unexpected<Error> no_such_image(std::string_view text) { return fail(Code::not_found, "no such image: {}", text.substr(0, 256)); }

bool is_hex(std::string_view text) { return text.find_first_not_of("0123456789abcdef") == std::string_view::npos; }

/// The part of a stored name before its tag or digest.
std::string repository_of(const std::string& name) {
  if (const auto at = name.find('@'); at != std::string::npos) return name.substr(0, at);
  const auto slash = name.rfind('/');
  const auto colon = name.rfind(':');
  return colon != std::string::npos && (slash == std::string::npos || colon > slash) ? name.substr(0, colon) : name;
}

/// What a stored name is for a reference.
std::string stored_name(const Reference& reference) {
  return reference.digest.empty() ? reference.repository() + ":" + reference.tag : reference.repository() + "@" + reference.digest.str();
}

/// Runs `work(0..count-1)` on up to `threads` threads; the first error stops the others.
class Fanout {
 public:
  using Work = std::function<Result<>(std::size_t, const StopSource&)>;
  explicit Fanout(Work work) : work_(std::move(work)), done_(::eventfd(0, EFD_CLOEXEC)) {}

  Result<> run(std::size_t count, unsigned threads, const StopSource& stop) {
    if (count == 0) return {};
    if (!done_.valid()) return fail_errno(errno, "make eventfd");
    count_ = count;
    running_ = std::min<std::size_t>(count, std::clamp(threads, 1U, 32U));
    {
      std::vector<std::jthread> workers;
      for (std::size_t i = 0, n = running_; i < n; ++i) workers.emplace_back([this] { serve(); });
      const auto finished = wait_any(stop, Deadline::never(), {{done_.get(), POLLIN}});
      if (!finished) report(finished.error());
    }  // joins
    if (error_) return std::unexpected(*error_);
    return {};
  }

 private:
  void report(Error error) {
    {
      const std::lock_guard lock(mutex_);
      if (!error_) error_ = std::move(error);
    }
    abort_.request_stop();
  }
  void serve() {
    for (std::size_t i = next_++; i < count_ && !abort_.stop_requested(); i = next_++) {
      if (auto result = work_(i, abort_); !result) report(std::move(result.error()));
    }
    if (--running_ == 0) static_cast<void>(::eventfd_write(done_.get(), 1));
  }

  Work work_;
  UniqueFd done_;
  StopSource abort_;
  std::size_t count_ = 0;
  std::atomic<std::size_t> next_ = 0;
  std::atomic<std::size_t> running_ = 0;
  std::mutex mutex_;
  std::optional<Error> error_;
};

/// Reads manifest and config and makes sure that they agree and that every blob is there.
Result<ImageRecord> check_image(const ContentStore& content, const Digest& manifest_digest, Lease& lease) {
  lease.protect(manifest_digest);
  const auto text = TRY(content.read(manifest_digest));
  auto media_type = TRY(oci::detect_media_type(text));
  if (oci::is_index(media_type)) return fail(Code::invalid_argument, "{} is an index; choose a manifest", manifest_digest.str());
  const auto manifest = TRY(oci::parse_manifest(text));
  lease.protect(manifest.config.digest);
  auto config_text = TRY(content.read(manifest.config.digest), "image config");
  const auto config = TRY(oci::parse_image_config(config_text));
  if (!config.os.empty() && config.os != "linux") return fail(Code::unimplemented, "images for {} cannot be unpacked", config.os);
  const auto& diff_ids = config.rootfs.diff_ids;
  if (manifest.layers.size() != diff_ids.size()) {
    return fail(Code::invalid_argument, "manifest has {} layers, its config {}", manifest.layers.size(), diff_ids.size());
  }
  ImageRecord record{.id = manifest.config.digest, .manifest = manifest_digest, .manifest_media_type = std::move(media_type)};
  for (std::size_t i = 0; i < diff_ids.size(); ++i) {
    const auto& layer = manifest.layers[i];
    if (!layer.media_type.empty() && !oci::is_layer(layer.media_type)) {
      return fail(Code::unimplemented, "layer {} is of media type \"{}\"", layer.digest.str(), layer.media_type);
    }
    lease.protect(layer.digest);
    lease.protect(diff_ids[i]);
    const auto blob = TRY(content.stat(layer.digest), "layer");
    if (blob.size != static_cast<std::uint64_t>(layer.size)) {
      return fail(Code::invalid_argument, "layer {} has {} bytes; its manifest says {}", layer.digest.str(), blob.size, layer.size);
    }
    record.layers.push_back({.diff_id = diff_ids[i], .blob = layer.digest, .media_type = layer.media_type, .size = blob.size});
  }
  record.config = std::move(config_text);
  return record;
}

}  // namespace

// ---- leases ----

Lease::Lease(std::shared_ptr<Shared> shared, std::uint64_t key) : shared_(std::move(shared)), key_(key) {}
Lease::Lease(Lease&& other) noexcept = default;
Lease::~Lease() {
  if (shared_) shared_->end(key_);
}
void Lease::protect(const Digest& digest) {
  const std::lock_guard lock(shared_->mutex);
  shared_->held[key_].insert(digest.str());
}

Lease ImageStore::lease() const {
  auto& shared = *state_->leases;
  const std::lock_guard lock(shared.mutex);
  return {state_->leases, shared.next_key++};
}

// ---- opening ----

ImageStore::ImageStore(std::unique_ptr<State> state) : state_(std::move(state)) {}
ImageStore::ImageStore(ImageStore&&) noexcept = default;
ImageStore& ImageStore::operator=(ImageStore&&) noexcept = default;
ImageStore::~ImageStore() = default;

Result<ImageStore> ImageStore::open(const std::string& data_dir, const Clock& clock) {
  TRY(sys::make_directories(data_dir, 0711), "open image store");
  auto lock = TRY(sys::open(data_dir + "/images.lock", O_RDWR | O_CREAT | O_NOFOLLOW, 0600), "open image store");
  if (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno == EWOULDBLOCK) return fail(Code::failed_precondition, "another process uses the image store in {}", data_dir);
    return fail_errno(errno, "lock {}/images.lock", data_dir);
  }
  auto content = TRY(ContentStore::open(data_dir + "/content"));
  auto layers = TRY(LayerStore::open(data_dir + "/layers"));
  auto db = TRY(ImageDb::open(data_dir + "/images.db"));
  auto build_cache = TRY(build::BuildCache::open(data_dir + "/build-cache.db"));
  return ImageStore(std::unique_ptr<State>(new State{std::move(lock), std::move(content), std::move(layers), std::move(db),
                                                     std::move(build_cache), clock, std::make_shared<Lease::Shared>()}));
}

const ContentStore& ImageStore::content() const { return state_->content; }
const LayerStore& ImageStore::layers() const { return state_->layers; }
const Clock& ImageStore::clock() const { return state_->clock; }
build::BuildCache& ImageStore::build_cache() const { return state_->build_cache; }

// ---- adding ----

Result<ImageId> ImageStore::add(const AddSpec& spec, Lease& lease, const StopSource& stop) {
  auto record = TRY(check_image(state_->content, spec.manifest, lease), "manifest {}", spec.manifest.str());
  // Equal layers of one image are one piece of work.
  std::vector<const ImageLayer*> todo;
  std::set<std::string> seen;
  for (const auto& layer : record.layers) {
    if (seen.insert(layer.diff_id.str()).second) todo.push_back(&layer);
  }
  Fanout fanout([&](std::size_t i, const StopSource& abort) -> Result<> {
    const auto& layer = *todo[i];
    const auto blob = TRY(state_->content.open(layer.blob));
    TRY(state_->layers.unpack(blob.get(), layer.diff_id, spec.unpack, abort, [&](std::uint64_t done) {
      if (spec.progress) spec.progress(layer.diff_id, done, layer.size);
    }));
    if (spec.unpacked) spec.unpacked(layer.diff_id);
    return {};
  });
  TRY(fanout.run(todo.size(), spec.parallel, stop));
  for (const auto* layer : todo) record.size += TRY(state_->layers.stat(layer->diff_id)).disk_bytes;
  for (const auto& tag : spec.tags) record.tags.push_back(tag.repository() + ":" + (tag.tag.empty() ? std::string(kDefaultTag) : tag.tag));
  for (const auto& name : spec.repo_digests) {
    if (name.digest.empty()) return fail(Code::invalid_argument, "{} has no digest", name.str());
    record.repo_digests.push_back(stored_name(name));
  }
  record.added = state_->clock.now();
  if (!record.tags.empty()) record.tagged = record.added;
  record.parent = spec.parent;
  TRY(state_->db.add(record));
  return record.id;
}

// ---- finding ----

Result<ImageId> ImageStore::State::find_id(std::string_view text, ImageDb::Find which) const {
  if (text.empty()) return fail(Code::invalid_argument, "an image name is empty");
  const auto hex = text.starts_with("sha256:") ? text.substr(7) : text;
  if (hex.size() == 64 && is_hex(hex)) {
    auto found = TRY(db.find_prefix("sha256:" + std::string(hex), which));
    if (!found.empty()) return std::move(found.front());
  }
  const auto reference = Reference::parse(text);
  if (reference) {
    if (auto found = TRY(db.find_name(stored_name(*reference)))) return std::move(*found);
  }
  if (hex.size() >= 4 && hex.size() < 64 && is_hex(hex)) {
    auto found = TRY(db.find_prefix("sha256:" + std::string(hex)));
    if (found.size() > 1) return fail(Code::invalid_argument, "image ID prefix \"{}\" is ambiguous", text);
    if (!found.empty()) return std::move(found.front());
  }
  if (!reference && !is_hex(hex)) return std::unexpected(reference.error());
  return no_such_image(text);
}

Result<ImageRecord> ImageStore::State::find(std::string_view text, ImageDb::Find which) const {
  const auto id = TRY(find_id(text, which));
  auto record = TRY(db.get(id));
  if (!record) return no_such_image(text);
  record->config = TRY(content.read(id), "image {}", id.str());
  return std::move(*record);
}

Result<ImageRecord> ImageStore::inspect(std::string_view reference_or_id) const { return state_->find(reference_or_id); }

Result<std::vector<ImageRecord>> ImageStore::list() const {
  auto images = TRY(state_->db.list());
  for (auto& image : images) image.config = TRY(state_->content.read(image.id), "image {}", image.id.str());
  return images;
}

Result<std::vector<HistoryEntry>> ImageStore::history(std::string_view reference_or_id) const {
  const auto record = TRY(state_->find(reference_or_id));
  const auto config = TRY(oci::parse_image_config(record.config));
  std::vector<HistoryEntry> entries;
  std::size_t layer = 0;
  for (const auto& step : config.history) {
    HistoryEntry entry{.created = step.created, .created_by = step.created_by, .comment = step.comment};
    if (!step.empty_layer && layer < record.layers.size()) entry.diff_id = record.layers[layer++].diff_id;
    entries.push_back(std::move(entry));
  }
  for (; layer < record.layers.size(); ++layer) entries.push_back({.created = config.created, .diff_id = record.layers[layer].diff_id});
  for (auto& entry : entries) {
    if (entry.diff_id) entry.size = TRY(state_->layers.stat(*entry.diff_id)).disk_bytes;
  }
  std::reverse(entries.begin(), entries.end());
  return entries;
}

Result<ResolvedImage> ImageStore::resolve(std::string_view reference_or_id) const {
  auto record = TRY(state_->find(reference_or_id, ImageDb::Find::hidden_too));
  ResolvedImage image{.id = record.id, .config = std::move(record.config)};
  for (auto layer = record.layers.rbegin(); layer != record.layers.rend(); ++layer) {
    if (!state_->layers.contains(layer->diff_id))
      return fail(Code::data_loss, "image {}: layer {} is gone", image.id.str(), layer->diff_id.str());
    image.layer_dirs.push_back(state_->layers.path(layer->diff_id));
    if (state_->layers.hides_lower_layers(layer->diff_id)) break;
  }
  return image;
}

// ---- names and removal ----

Result<> ImageStore::tag(std::string_view reference_or_id, const Reference& name) {
  if (!name.digest.empty()) return fail(Code::invalid_argument, "{}: a digest cannot be given as a name", name.str());
  const auto id = TRY(state_->find_id(reference_or_id));
  return state_->db.tag(stored_name(name), id, state_->clock.now());
}

Result<> ImageStore::add_repo_digest(const ImageId& id, const Reference& name) {
  if (name.digest.empty()) return fail(Code::invalid_argument, "{} has no digest", name.str());
  return state_->db.tag(stored_name(name), id, Time{});
}

Result<Removed> ImageStore::remove(std::string_view reference_or_id, const RemoveOptions& options) {
  const auto record = TRY(state_->find(reference_or_id));
  auto names = record.tags;
  names.insert(names.end(), record.repo_digests.begin(), record.repo_digests.end());
  std::vector<std::string> dropped = names;
  const auto reference = Reference::parse(reference_or_id);
  const auto named = reference ? stored_name(*reference) : "";
  if (std::find(names.begin(), names.end(), named) != names.end()) {
    // By name: that name; with a repository's last tag go the digests by which it was fetched from there.
    const auto repository = repository_of(named);
    const auto same = [&](const std::string& tag) { return repository_of(tag) == repository; };
    const bool last_tag = named.find('@') == std::string::npos && std::count_if(record.tags.begin(), record.tags.end(), same) == 1;
    std::erase_if(dropped, [&](const std::string& name) { return name != named && !(last_tag && same(name)); });
  } else if (!options.force) {
    const auto foreign = [&](const std::string& tag) { return repository_of(tag) != repository_of(record.tags.front()); };
    if (std::any_of(record.tags.begin(), record.tags.end(), foreign)) {
      return fail(Code::failed_precondition, "image {} is named in several repositories (remove by name, or force)", record.id.str());
    }
  }
  const bool last = dropped.size() == names.size();
  const auto how = !last ? ImageDb::Drop::names : options.force ? ImageDb::Drop::regardless : ImageDb::Drop::unless_held;
  Removed removed{.untagged = dropped};
  if (TRY(state_->db.drop(record.id, dropped, how))) {
    removed.deleted.push_back(record.id);
  } else if (how == ImageDb::Drop::unless_held) {
    const auto holders = TRY(state_->db.holders(record.id));
    if (!holders.empty()) return fail(Code::failed_precondition, "image {} is used by {}", reference_or_id, holders.front());
  }
  if (!removed.deleted.empty() && !options.keep_layers) removed.bytes = TRY(collect());
  return removed;
}

Result<> ImageStore::untag(const ImageId& id, const std::vector<std::string>& names) {
  TRY(state_->db.drop(id, names, ImageDb::Drop::names));
  return {};
}

Result<> ImageStore::forget(const ImageId& id) {
  const auto record = TRY(state_->db.get(id));
  if (!record) return no_such_image(id.str());
  if (!record->tags.empty() || !record->repo_digests.empty() || !TRY(state_->db.hide(id)))
    return fail(Code::failed_precondition, "image {} has a name", id.str());
  return {};
}

Result<Removed> ImageStore::prune(bool all) {
  Removed removed;
  for (const auto& image : TRY(state_->db.list())) {
    if (!all && (!image.tags.empty() || !image.repo_digests.empty())) continue;
    auto names = image.tags;
    names.insert(names.end(), image.repo_digests.begin(), image.repo_digests.end());
    if (!TRY(state_->db.drop(image.id, names, ImageDb::Drop::unless_held))) continue;
    removed.untagged.insert(removed.untagged.end(), names.begin(), names.end());
    removed.deleted.push_back(image.id);
  }
  removed.bytes = TRY(collect());
  return removed;
}

Result<std::uint64_t> ImageStore::collect() {
  state_->leases->begin_collection();
  const ScopeExit end([&] { state_->leases->end_collection(); });
  auto live = TRY(state_->db.live());
  live.merge(TRY(state_->build_cache.live()));
  std::uint64_t freed = 0;
  for (const auto& blob : TRY(state_->content.list())) {
    if (live.contains(blob.digest.str())) continue;
    state_->leases->unless_protected(blob.digest.str(), [&] {
      if (state_->content.remove(blob.digest)) freed += blob.size;
    });
  }
  for (const auto& layer : TRY(state_->layers.list())) {
    if (live.contains(layer.str())) continue;
    const auto info = state_->layers.stat(layer);
    std::optional<std::string> aside;
    state_->leases->unless_protected(layer.str(), [&] {
      if (auto moved = state_->layers.set_aside(layer)) aside = std::move(*moved);
    });
    if (!aside) continue;
    TRY(sys::remove_tree(*aside));
    if (info) freed += info->disk_bytes;
  }
  freed += TRY(state_->content.prune_partial(state_->clock.now() - std::chrono::hours(24)));
  return freed;
}

// ---- holders ----

Result<> ImageStore::hold(const ImageId& id, const std::string& holder) { return state_->db.hold(id, holder); }
Result<> ImageStore::release(const std::string& holder) { return state_->db.release(holder); }
Result<std::vector<std::string>> ImageStore::holders(const ImageId& id) const { return state_->db.holders(id); }

}  // namespace fulcrum::image
