#include "image/content_store.h"

#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "base/sys.h"

namespace fulcrum::image {

namespace {

constexpr std::string_view kUnkeyedPrefix = "tmp-";
constexpr std::array<std::string_view, 2> kAlgorithmNames = {"sha256", "sha512"};

Time to_time(const struct timespec& t) { return Time(std::chrono::seconds(t.tv_sec) + std::chrono::nanoseconds(t.tv_nsec)); }

Result<> sync_directory(const std::string& path) {
  auto dir = TRY(sys::open(path, O_RDONLY | O_DIRECTORY));
  if (::fsync(dir.get()) != 0) return fail_errno(errno, "sync {}", path);
  return {};
}

/// Calls `sink` with every chunk from the descriptor's start to its end.
template <class Sink>
Result<> read_through(int fd, const std::string& name, Sink sink) {
  std::vector<char> buffer(1 << 18);
  for (off_t at = 0;;) {
    const auto got = ::pread(fd, buffer.data(), buffer.size(), at);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail_errno(errno, "read {}", name);
    if (got == 0) return {};
    sink(std::string_view(buffer.data(), static_cast<std::size_t>(got)));
    at += got;
  }
}

/// Opens and locks a partial file. A writer that finished between our open and our lock has renamed the file away: then we try again.
Result<UniqueFd> open_partial(const std::string& path) {
  for (;;) {
    auto file = TRY(sys::open(path, O_RDWR | O_CREAT | O_NOFOLLOW, 0600));
    if (::flock(file.get(), LOCK_EX | LOCK_NB) != 0) {
      if (errno == EWOULDBLOCK) return fail(Code::aborted, "another transfer of this blob is under way ({})", path);
      return fail_errno(errno, "lock {}", path);
    }
    struct stat ours{};
    if (::fstat(file.get(), &ours) != 0) return fail_errno(errno, "stat {}", path);
    const auto there = TRY(sys::lstat(path));
    if (there && there->st_ino == ours.st_ino && there->st_dev == ours.st_dev) return file;
  }
}

}  // namespace

// ---- writer ----

BlobWriter::~BlobWriter() {
  if (!path_.empty() && spec_.key.empty()) discard();
}

void BlobWriter::discard() {
  if (!path_.empty()) ::unlink(path_.c_str());
  path_.clear();
  file_.reset();
}

Result<> BlobWriter::rehash() {
  hasher_ = TRY(Hasher::create(spec_.digest ? digest_algorithm(*spec_.digest) : "sha256"));
  offset_ = 0;
  return read_through(file_.get(), path_, [&](std::string_view chunk) {
    hasher_.update(chunk);
    offset_ += chunk.size();
  });
}

Result<> BlobWriter::restart() {
  if (path_.empty() || sealed_) return fail(Code::failed_precondition, "the blob writer is closed");
  if (::ftruncate(file_.get(), 0) != 0) return fail_errno(errno, "truncate {}", path_);
  return rehash();
}

Result<> BlobWriter::write(std::string_view data) {
  if (path_.empty() || sealed_) return fail(Code::failed_precondition, "the blob writer is closed");
  const auto after = offset_ + data.size();
  if (spec_.size && after > *spec_.size) {
    discard();
    return fail(Code::invalid_argument, "blob {} is longer than the {} bytes announced", spec_.digest ? spec_.digest->str() : spec_.key,
                *spec_.size);
  }
  if (after > spec_.limit) {
    discard();
    return fail(Code::resource_exhausted, "blob is larger than the limit of {} bytes", spec_.limit);
  }
  while (!data.empty()) {
    const auto put = ::pwrite(file_.get(), data.data(), data.size(), static_cast<off_t>(offset_));
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) {
      const int error = errno;
      const auto name = path_;
      if (code_from_errno(error) == Code::resource_exhausted) discard();
      return fail_errno(error, "write {}", name);
    }
    hasher_.update(data.substr(0, static_cast<std::size_t>(put)));
    offset_ += static_cast<std::uint64_t>(put);
    data.remove_prefix(static_cast<std::size_t>(put));
  }
  return {};
}

Digest BlobWriter::seal() {
  if (!sealed_) sealed_ = hasher_.finish();
  return *sealed_;
}

Result<Digest> BlobWriter::commit() {
  if (path_.empty()) return fail(Code::failed_precondition, "the blob writer is closed");
  const auto digest = seal();
  const auto wanted = spec_.digest.value_or(digest);
  if (digest != wanted || (spec_.size && *spec_.size != offset_)) {
    discard();
    if (spec_.size && *spec_.size != offset_) {
      return fail(Code::data_loss, "blob {} has {} bytes instead of {}", wanted.str(), offset_, *spec_.size);
    }
    return fail(Code::data_loss, "blob content has digest {} instead of {}", digest.str(), wanted.str());
  }
  const auto folder = root_ + "/blobs/" + std::string(digest_algorithm(digest));
  const auto target = folder + "/" + std::string(digest_hex(digest));
  if (::fsync(file_.get()) != 0) {
    const int error = errno;
    const auto name = path_;
    discard();
    return fail_errno(error, "sync {}", name);
  }
  if (::rename(path_.c_str(), target.c_str()) != 0) return fail_errno(errno, "rename {} to {}", path_, target);
  path_.clear();
  file_.reset();
  TRY(sync_directory(folder));
  return digest;
}

// ---- store ----

Result<ContentStore> ContentStore::open(const std::string& root) {
  for (const auto name : kAlgorithmNames) TRY(sys::make_directories(root + "/blobs/" + std::string(name), 0700), "open content store");
  TRY(sys::make_directories(root + "/ingest", 0700), "open content store");
  for (const auto& name : TRY(sys::list_directory(root + "/ingest"))) {
    if (name.starts_with(kUnkeyedPrefix)) TRY(sys::remove_tree(root + "/ingest/" + name));
  }
  return ContentStore(root);
}

std::string ContentStore::path(const Digest& digest) const {
  return root_ + "/blobs/" + std::string(digest_algorithm(digest)) + "/" + std::string(digest_hex(digest));
}

Result<BlobWriter> ContentStore::writer(WriterSpec spec) const {
  if (spec.digest) TRY(parse_digest(spec.digest->str()));
  if (spec.size && *spec.size > spec.limit) {
    return fail(Code::resource_exhausted, "blob of {} bytes is larger than the limit of {}", *spec.size, spec.limit);
  }
  const auto name = spec.key.empty() ? std::string(kUnkeyedPrefix) + sys::random_hex(16) : std::string(digest_hex(digest_of(spec.key)));
  const auto path = root_ + "/ingest/" + name;
  auto file = TRY(open_partial(path));
  auto hasher = TRY(Hasher::create());
  BlobWriter writer(root_, path, std::move(file), std::move(spec), std::move(hasher));
  TRY(writer.rehash());
  const auto most = writer.spec_.size.value_or(writer.spec_.limit);
  if (writer.offset_ > most) TRY(writer.restart());
  return writer;
}

Result<UniqueFd> ContentStore::open(const Digest& digest) const {
  TRY(parse_digest(digest.str()));
  auto file = sys::open(path(digest), O_RDONLY | O_NOFOLLOW);
  if (!file && file.error().code == Code::not_found) return fail(Code::not_found, "no blob {}", digest.str());
  return file;
}

Result<std::string> ContentStore::read(const Digest& digest, std::size_t limit) const {
  auto file = TRY(open(digest));
  auto data = TRY(sys::read_all(file.get(), limit), "read blob {}", digest.str());
  auto hasher = TRY(Hasher::create(digest_algorithm(digest)));
  hasher.update(data);
  if (hasher.finish() != digest) return fail(Code::data_loss, "blob {} has changed on disk", digest.str());
  return data;
}

Result<Digest> ContentStore::put(std::string_view data) const {
  auto blob = TRY(writer({}));
  TRY(blob.write(data));
  return blob.commit();
}

Result<BlobInfo> ContentStore::stat(const Digest& digest) const {
  TRY(parse_digest(digest.str()));
  const auto found = TRY(sys::lstat(path(digest)));
  if (!found) return fail(Code::not_found, "no blob {}", digest.str());
  return BlobInfo{.digest = digest, .size = static_cast<std::uint64_t>(found->st_size), .modified = to_time(found->st_mtim)};
}

bool ContentStore::contains(const Digest& digest) const { return stat(digest).has_value(); }

Result<> ContentStore::remove(const Digest& digest) const {
  TRY(parse_digest(digest.str()));
  if (::unlink(path(digest).c_str()) != 0 && errno != ENOENT) return fail_errno(errno, "remove blob {}", digest.str());
  return {};
}

Result<std::vector<BlobInfo>> ContentStore::list() const {
  std::vector<BlobInfo> blobs;
  for (const auto algorithm : kAlgorithmNames) {
    for (const auto& name : TRY(sys::list_directory(root_ + "/blobs/" + std::string(algorithm)))) {
      auto digest = parse_digest(std::string(algorithm) + ":" + name);
      if (!digest) continue;  // a stranger's file; not ours to touch
      auto info = stat(*digest);
      if (info) blobs.push_back(std::move(*info));
    }
  }
  return blobs;
}

Result<> ContentStore::verify(const Digest& digest) const {
  auto file = TRY(open(digest));
  auto hasher = TRY(Hasher::create(digest_algorithm(digest)));
  TRY(read_through(file.get(), path(digest), [&](std::string_view chunk) { hasher.update(chunk); }));
  const auto actual = hasher.finish();
  if (actual != digest) return fail(Code::data_loss, "blob {} has changed on disk: it hashes to {}", digest.str(), actual.str());
  return {};
}

Result<std::uint64_t> ContentStore::prune_partial(Time before) const {
  std::uint64_t freed = 0;
  for (const auto& name : TRY(sys::list_directory(root_ + "/ingest"))) {
    const auto path = root_ + "/ingest/" + name;
    auto file = sys::open(path, O_RDONLY | O_NOFOLLOW);
    if (!file) continue;  // finished meanwhile
    struct stat info{};
    if (::fstat(file->get(), &info) != 0 || to_time(info.st_mtim) >= before) continue;
    if (::flock(file->get(), LOCK_EX | LOCK_NB) != 0) continue;  // being written
    if (::unlink(path.c_str()) == 0) freed += static_cast<std::uint64_t>(info.st_size);
  }
  return freed;
}

}  // namespace fulcrum::image
