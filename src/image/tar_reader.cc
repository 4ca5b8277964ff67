#include "image/tar_reader.h"

#include <archive.h>
#include <archive_entry.h>

#include <algorithm>
#include <clocale>
#include <limits>

#include "image/digest.h"

namespace fulcrum::image {

namespace {

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

struct ArchiveFree {
  void operator()(archive* handle) const { ::archive_read_free(handle); }
};

}  // namespace

/// libarchive takes the tar apart; the stream comes from a Decompressor, which hashes and measures it.
struct TarReader::State {
  State(Decompressor from, const TarLimits& limited) : stream(std::move(from)), limits(limited) {}

  Decompressor stream;
  TarLimits limits;
  std::optional<Error> error;  ///< why the callback gave up
  std::unique_ptr<archive, ArchiveFree> inner{::archive_read_new()};

  std::unexpected<Error> failure(std::string_view doing) {
    if (error) return std::unexpected(*error);
    const char* text = ::archive_error_string(inner.get());
    return fail(Code::data_loss, "{}: {}", doing, text != nullptr ? text : "malformed");
  }

  static la_ssize_t read_stream(archive* handle, void* self, const void** data) {
    auto& state = *static_cast<State*>(self);
    auto piece = state.stream.next();
    if (!piece) {
      state.error = std::move(piece.error());
      ::archive_set_error(handle, EIO, "%s", state.error->message.c_str());
      return -1;
    }
    *data = piece->data();
    return static_cast<la_ssize_t>(piece->size());
  }

  Result<> start();
  Result<TarEntry> convert(archive_entry* entry) const;
  Result<> convert_xattrs(archive_entry* entry, TarEntry& out) const;
};

Result<> TarReader::State::start() {
  const BytesLocale bytes;
  ::archive_read_support_filter_none(inner.get());
  ::archive_read_support_format_tar(inner.get());
  ::archive_read_support_format_empty(inner.get());
  if (::archive_read_open(inner.get(), this, nullptr, read_stream, nullptr) != ARCHIVE_OK) return failure("not a tar archive");
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
  // Far beyond what any file system keeps; at the ends of the range the number does not come back from its decimal form.
  constexpr std::int64_t kFar = std::int64_t{1} << 40;
  out.mtime.tv_sec = std::clamp<std::int64_t>(::archive_entry_mtime(entry), -kFar, kFar);
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
  auto state = std::make_unique<State>(TRY(Decompressor::open(fd, limits.stream, stop, std::move(progress))), limits);
  if (state->inner == nullptr) return fail(Code::resource_exhausted, "open archive: out of memory");
  TRY(state->start());
  return TarReader(std::move(state));
}

Result<std::optional<TarEntry>> TarReader::next() {
  const BytesLocale bytes;
  archive_entry* entry = nullptr;
  const int status = ::archive_read_next_header(state_->inner.get(), &entry);
  if (status == ARCHIVE_EOF) return std::nullopt;
  if (status < ARCHIVE_WARN) return state_->failure("read tar");  // ARCHIVE_RETRY too: a damaged header
  return TRY(state_->convert(entry));
}

Result<std::optional<TarReader::Block>> TarReader::block() {
  const void* data = nullptr;
  std::size_t size = 0;
  la_int64_t offset = 0;
  const int status = ::archive_read_data_block(state_->inner.get(), &data, &size, &offset);
  if (status == ARCHIVE_EOF) return std::nullopt;
  if (status < ARCHIVE_WARN || offset < 0) return state_->failure("read tar");
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
  while (!TRY(state_->stream.next()).empty()) {
  }
  return state_->stream.finish();
}

std::uint64_t TarReader::stream_bytes() const { return state_->stream.bytes(); }

}  // namespace fulcrum::image
