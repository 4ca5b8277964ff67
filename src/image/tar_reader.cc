#include "image/tar_reader.h"

#include <archive.h>
#include <archive_entry.h>
#include <unistd.h>

#include <clocale>
#include <limits>

#include "image/digest.h"

namespace fulcrum::image {

namespace {

constexpr std::size_t kChunk = 256 << 10;
constexpr std::uint64_t kRatioFloor = std::uint64_t{64} << 20;

/// Names in a tar are bytes. In the C locale libarchive hands them through; in others it would convert and normalise them.
class BytesLocale {
 public:
  BytesLocale() : before_(::uselocale(c_locale())) {}
  BytesLocale(const BytesLocale&) = delete;
  BytesLocale& operator=(const BytesLocale&) = delete;
  ~BytesLocale() { ::uselocale(before_); }

 private:
  static locale_t c_locale() {
    static const locale_t locale = ::newlocale(LC_ALL_MASK, "C", nullptr);
    return locale;
  }
  locale_t before_;
};

std::string text_of(archive* handle) {
  const char* text = ::archive_error_string(handle);
  return text != nullptr ? text : "malformed";
}

struct ArchiveFree {
  void operator()(archive* handle) const { ::archive_read_free(handle); }
};

}  // namespace

/// Two libarchive readers in a row: `outer` undoes the compression of the descriptor's bytes, `inner` takes the tar apart. Between them the
/// uncompressed stream is hashed and measured.
struct TarReader::State {
  State(int from, const TarLimits& limited, const StopSource& stopped, std::function<void(std::uint64_t)> told, Hasher hash)
      : fd(from), limits(limited), stop(stopped), progress(std::move(told)), hasher(std::move(hash)), buffer(kChunk) {}

  int fd;
  TarLimits limits;
  const StopSource& stop;
  std::function<void(std::uint64_t)> progress;
  Hasher hasher;
  std::vector<char> buffer;
  std::uint64_t compressed = 0;
  std::uint64_t uncompressed = 0;
  bool outer_done = false;
  std::optional<Error> error;  ///< why a callback gave up
  std::unique_ptr<archive, ArchiveFree> outer{::archive_read_new()};
  std::unique_ptr<archive, ArchiveFree> inner{::archive_read_new()};  // freed first: it reads from outer

  la_ssize_t give_up(archive* handle, Error why) {
    if (!error) error = std::move(why);
    ::archive_set_error(handle, EIO, "%s", error->message.c_str());
    return -1;
  }
  std::unexpected<Error> failure(archive* handle, std::string_view doing) {
    if (error) return std::unexpected(*error);
    return fail(Code::data_loss, "{}: {}", doing, text_of(handle));
  }

  la_ssize_t read_source(archive* handle, const void** data) {
    if (stop.stop_requested()) return give_up(handle, Error{Code::cancelled, "cancelled"});
    for (;;) {
      const auto got = ::read(fd, buffer.data(), buffer.size());
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return give_up(handle, fail_errno(errno, "read archive").error());
      compressed += static_cast<std::uint64_t>(got);
      if (progress) progress(compressed);
      *data = buffer.data();
      return got;
    }
  }

  /// One piece of the uncompressed stream; 0 at its end.
  la_ssize_t read_stream(archive* handle, const void** data) {
    while (!outer_done) {
      std::size_t size = 0;
      la_int64_t offset = 0;
      const int status = ::archive_read_data_block(outer.get(), data, &size, &offset);
      if (status == ARCHIVE_EOF) {
        outer_done = true;
        break;
      }
      if (status < ARCHIVE_WARN) return give_up(handle, failure(outer.get(), "decompress").error());
      if (size == 0) continue;
      hasher.update(std::string_view(static_cast<const char*>(*data), size));
      uncompressed += size;
      if (uncompressed > limits.max_bytes) {
        return give_up(handle, Error{Code::resource_exhausted, fmt::format("archive unpacks to more than {} bytes", limits.max_bytes)});
      }
      if (uncompressed > kRatioFloor && uncompressed / limits.max_ratio > compressed) {
        return give_up(handle, Error{Code::resource_exhausted, fmt::format("archive is compressed more than {} : 1", limits.max_ratio)});
      }
      return static_cast<la_ssize_t>(size);
    }
    return 0;
  }

  static la_ssize_t source_callback(archive* handle, void* self, const void** data) {
    return static_cast<State*>(self)->read_source(handle, data);
  }
  static la_ssize_t stream_callback(archive* handle, void* self, const void** data) {
    return static_cast<State*>(self)->read_stream(handle, data);
  }

  Result<> start();
  Result<TarEntry> convert(archive_entry* entry) const;
  Result<> convert_xattrs(archive_entry* entry, TarEntry& out) const;
};

Result<> TarReader::State::start() {
  const BytesLocale bytes;
  auto* from = outer.get();
  ::archive_read_support_filter_none(from);
  ::archive_read_support_filter_gzip(from);
  ::archive_read_support_filter_zstd(from);
  ::archive_read_support_filter_xz(from);
  ::archive_read_support_filter_bzip2(from);
  ::archive_read_support_format_raw(from);
  ::archive_read_support_format_empty(from);
  if (::archive_read_open(from, this, nullptr, source_callback, nullptr) != ARCHIVE_OK) return failure(from, "open archive");
  archive_entry* whole = nullptr;
  const int status = ::archive_read_next_header(from, &whole);
  if (status == ARCHIVE_EOF) {
    outer_done = true;
  } else if (status < ARCHIVE_WARN) {
    return failure(from, "open archive");
  }
  ::archive_read_support_filter_none(inner.get());
  ::archive_read_support_format_tar(inner.get());
  ::archive_read_support_format_empty(inner.get());
  if (::archive_read_open(inner.get(), this, nullptr, stream_callback, nullptr) != ARCHIVE_OK)
    return failure(inner.get(), "not a tar archive");
  return {};
}

Result<> TarReader::State::convert_xattrs(archive_entry* entry, TarEntry& out) const {
  std::size_t total = 0;
  ::archive_entry_xattr_reset(entry);
  const char* name = nullptr;
  const void* value = nullptr;
  std::size_t size = 0;
  while (::archive_entry_xattr_next(entry, &name, &value, &size) == ARCHIVE_OK) {
    if (name == nullptr) continue;
    out.xattrs.emplace_back(name, std::string(static_cast<const char*>(value), size));
    total += out.xattrs.back().first.size() + size;
    if (total > limits.max_xattr_bytes) {
      return fail(Code::resource_exhausted, "{}: extended attributes of more than {} bytes", out.name, limits.max_xattr_bytes);
    }
  }
  return {};
}

Result<TarEntry> TarReader::State::convert(archive_entry* entry) const {
  TarEntry out;
  const char* name = ::archive_entry_pathname(entry);
  if (name == nullptr) return fail(Code::data_loss, "archive entry without a name");
  out.name = name;
  const char* hard = ::archive_entry_hardlink(entry);
  const char* soft = ::archive_entry_symlink(entry);
  if (hard != nullptr) {
    out.kind = TarEntry::Kind::hardlink;
    out.target = hard;
  } else {
    switch (::archive_entry_filetype(entry)) {
      case AE_IFREG: out.kind = TarEntry::Kind::file; break;
      case AE_IFDIR: out.kind = TarEntry::Kind::directory; break;
      case AE_IFLNK: out.kind = TarEntry::Kind::symlink; break;
      case AE_IFCHR: out.kind = TarEntry::Kind::char_device; break;
      case AE_IFBLK: out.kind = TarEntry::Kind::block_device; break;
      case AE_IFIFO: out.kind = TarEntry::Kind::fifo; break;
      default: return fail(Code::invalid_argument, "{}: unknown kind of archive entry", out.name);
    }
    if (out.kind == TarEntry::Kind::symlink) out.target = soft != nullptr ? soft : "";
  }
  if (out.name.size() > limits.max_path || out.target.size() > limits.max_path) {
    return fail(Code::resource_exhausted, "{}…: name or link target of more than {} bytes", out.name.substr(0, 64), limits.max_path);
  }
  const auto uid = ::archive_entry_uid(entry);
  const auto gid = ::archive_entry_gid(entry);
  constexpr la_int64_t kLastId = std::numeric_limits<std::uint32_t>::max() - 1;  // the last of all means "leave alone" to chown(2)
  if (uid < 0 || uid > kLastId || gid < 0 || gid > kLastId) {
    return fail(Code::invalid_argument, "{}: owner {}:{} is out of range", out.name, uid, gid);
  }
  out.uid = static_cast<std::uint32_t>(uid);
  out.gid = static_cast<std::uint32_t>(gid);
  out.mode = ::archive_entry_perm(entry) & 07777;
  out.mtime.tv_sec = ::archive_entry_mtime(entry);
  out.mtime.tv_nsec = ::archive_entry_mtime_nsec(entry);
  if (out.mtime.tv_nsec < 0 || out.mtime.tv_nsec > 999'999'999) out.mtime.tv_nsec = 0;
  const auto size = ::archive_entry_size(entry);
  if (size < 0) return fail(Code::data_loss, "{}: negative size", out.name);
  out.size = static_cast<std::uint64_t>(size);
  out.device_major = static_cast<unsigned>(::archive_entry_rdevmajor(entry));
  out.device_minor = static_cast<unsigned>(::archive_entry_rdevminor(entry));
  TRY(convert_xattrs(entry, out));
  return out;
}

TarReader::TarReader(std::unique_ptr<State> state) : state_(std::move(state)) {}
TarReader::TarReader(TarReader&&) noexcept = default;
TarReader::~TarReader() = default;

Result<TarReader> TarReader::open(int fd, const TarLimits& limits, const StopSource& stop, std::function<void(std::uint64_t)> progress) {
  auto state = std::make_unique<State>(fd, limits, stop, std::move(progress), TRY(Hasher::create()));
  if (state->outer == nullptr || state->inner == nullptr) return fail(Code::resource_exhausted, "open archive: out of memory");
  TRY(state->start());
  return TarReader(std::move(state));
}

Result<std::optional<TarEntry>> TarReader::next() {
  const BytesLocale bytes;
  archive_entry* entry = nullptr;
  const int status = ::archive_read_next_header(state_->inner.get(), &entry);
  if (status == ARCHIVE_EOF) return std::nullopt;
  if (status < ARCHIVE_WARN) return state_->failure(state_->inner.get(), "read tar");  // ARCHIVE_RETRY too: a damaged header
  return TRY(state_->convert(entry));
}

Result<std::optional<TarReader::Block>> TarReader::block() {
  const void* data = nullptr;
  std::size_t size = 0;
  la_int64_t offset = 0;
  const int status = ::archive_read_data_block(state_->inner.get(), &data, &size, &offset);
  if (status == ARCHIVE_EOF) return std::nullopt;
  if (status < ARCHIVE_WARN || offset < 0) return state_->failure(state_->inner.get(), "read tar");
  return Block{.offset = static_cast<std::uint64_t>(offset), .data = std::string_view(static_cast<const char*>(data), size)};
}

Result<std::string> TarReader::content(std::size_t limit) {
  std::string out;
  while (const auto piece = TRY(block())) {
    if (piece->offset > limit || piece->data.size() > limit - piece->offset) {
      return fail(Code::resource_exhausted, "archive member is larger than {} bytes", limit);
    }
    if (piece->offset < out.size()) return fail(Code::data_loss, "archive member's data overlaps");
    out.resize(piece->offset);
    out += piece->data;
  }
  return out;
}

Result<Digest> TarReader::finish() {
  for (;;) {
    const void* data = nullptr;
    const auto got = state_->read_stream(state_->inner.get(), &data);
    if (got < 0) return state_->failure(state_->inner.get(), "read tar");
    if (got == 0) return state_->hasher.finish();
  }
}

std::uint64_t TarReader::stream_bytes() const { return state_->uncompressed; }

}  // namespace fulcrum::image
