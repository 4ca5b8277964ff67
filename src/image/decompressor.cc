#include "image/decompressor.h"

#include <archive.h>
#include <poll.h>
#include <unistd.h>

#include <optional>
#include <vector>

#include "image/digest.h"

namespace fulcrum::image {

namespace {

constexpr std::size_t kChunk = 256 << 10;
constexpr std::uint64_t kRatioFloor = std::uint64_t{64} << 20;

struct ArchiveFree {
  void operator()(archive* handle) const { ::archive_read_free(handle); }
};

}  // namespace

Compression detect_compression(std::string_view start) {
  using namespace std::string_view_literals;
  if (start.starts_with("\x1f\x8b"sv)) return Compression::gzip;
  if (start.starts_with("\x28\xb5\x2f\xfd"sv)) return Compression::zstd;
  if (start.size() >= 4 && start[0] >= '\x50' && start[0] <= '\x5f' && start.substr(1, 3) == "\x2a\x4d\x18"sv) return Compression::zstd;
  if (start.starts_with("\xfd\x37zXZ\0"sv)) return Compression::xz;
  if (start.starts_with("BZh"sv)) return Compression::bzip2;
  return Compression::none;
}

struct Decompressor::State {
  State(int from, const StreamLimits& limited, const StopSource& stopped, std::function<void(std::uint64_t)> told, Hasher hash)
      : fd(from), limits(limited), stop(stopped), progress(std::move(told)), hasher(std::move(hash)), buffer(kChunk) {}

  int fd;
  StreamLimits limits;
  const StopSource& stop;
  std::function<void(std::uint64_t)> progress;
  Hasher hasher;
  std::vector<char> buffer;
  std::uint64_t in = 0;
  std::uint64_t out = 0;
  bool done = false;
  std::optional<Error> error;  ///< why the callback gave up
  std::unique_ptr<archive, ArchiveFree> handle{::archive_read_new()};

  Result<std::size_t> read_some() {
    for (;;) {
      TRY(wait_any(stop, Deadline::never(), {{fd, POLLIN}}));
      const auto got = ::read(fd, buffer.data(), buffer.size());
      if (got < 0 && (errno == EINTR || errno == EAGAIN)) continue;
      if (got < 0) return fail_errno(errno, "read archive");
      return static_cast<std::size_t>(got);
    }
  }

  static la_ssize_t source(archive* from, void* self, const void** data) {
    auto& state = *static_cast<State*>(self);
    auto got = state.read_some();
    if (!got) {
      state.error = std::move(got.error());
      ::archive_set_error(from, EIO, "%s", state.error->message.c_str());
      return -1;
    }
    state.in += *got;
    if (state.progress) state.progress(state.in);
    *data = state.buffer.data();
    return static_cast<la_ssize_t>(*got);
  }

  std::unexpected<Error> failure() {
    if (error) return std::unexpected(*error);
    const char* text = ::archive_error_string(handle.get());
    return fail(Code::data_loss, "decompress: {}", text != nullptr ? text : "malformed");
  }
};

Decompressor::Decompressor(std::unique_ptr<State> state) : state_(std::move(state)) {}
Decompressor::Decompressor(Decompressor&&) noexcept = default;
Decompressor::~Decompressor() = default;

Result<Decompressor> Decompressor::open(int fd, const StreamLimits& limits, const StopSource& stop,
                                        std::function<void(std::uint64_t)> progress) {
  auto state = std::make_unique<State>(fd, limits, stop, std::move(progress), TRY(Hasher::create()));
  auto* handle = state->handle.get();
  if (handle == nullptr) return fail(Code::resource_exhausted, "open archive: out of memory");
  ::archive_read_support_filter_none(handle);
  ::archive_read_support_filter_gzip(handle);
  ::archive_read_support_filter_zstd(handle);
  ::archive_read_support_filter_xz(handle);
  ::archive_read_support_filter_bzip2(handle);
  ::archive_read_support_format_raw(handle);
  ::archive_read_support_format_empty(handle);
  if (::archive_read_open(handle, state.get(), nullptr, State::source, nullptr) != ARCHIVE_OK) return state->failure();
  archive_entry* whole = nullptr;
  const int status = ::archive_read_next_header(handle, &whole);
  if (status == ARCHIVE_EOF) {
    state->done = true;
  } else if (status < ARCHIVE_WARN) {
    return state->failure();
  }
  return Decompressor(std::move(state));
}

Result<std::string_view> Decompressor::next() {
  auto& s = *state_;
  while (!s.done) {
    const void* data = nullptr;
    std::size_t size = 0;
    la_int64_t offset = 0;
    const int status = ::archive_read_data_block(s.handle.get(), &data, &size, &offset);
    if (status == ARCHIVE_EOF) {
      s.done = true;
      break;
    }
    if (status < ARCHIVE_WARN) return s.failure();
    if (size == 0) continue;
    const std::string_view piece(static_cast<const char*>(data), size);
    s.hasher.update(piece);
    s.out += size;
    if (s.out > s.limits.max_bytes) return fail(Code::resource_exhausted, "archive unpacks to more than {} bytes", s.limits.max_bytes);
    if (s.out > kRatioFloor && s.out / s.limits.max_ratio > s.in) {
      return fail(Code::resource_exhausted, "archive is compressed more than {} : 1", s.limits.max_ratio);
    }
    return piece;
  }
  return std::string_view();
}

Digest Decompressor::finish() { return state_->hasher.finish(); }
std::uint64_t Decompressor::bytes() const { return state_->out; }

}  // namespace fulcrum::image
