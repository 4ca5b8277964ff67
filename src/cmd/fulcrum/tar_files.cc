#include "cmd/fulcrum/tar_files.h"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <memory>

#include "base/scope_exit.h"
#include "base/sys.h"

namespace fulcrum::cli {
namespace {

struct ReadState {
  const ReadSome& read;
  std::array<char, 65536> buffer{};
  std::optional<Error> error;
};
struct WriteState {
  const WriteAll& write;
  std::optional<Error> error;
};

la_ssize_t on_read(archive*, void* opaque, const void** data) {
  auto& state = *static_cast<ReadState*>(opaque);
  auto n = state.read(state.buffer.data(), state.buffer.size());
  if (!n) {
    state.error = n.error();
    return ARCHIVE_FATAL;
  }
  *data = state.buffer.data();
  return static_cast<la_ssize_t>(*n);
}

la_ssize_t on_write(archive*, void* opaque, const void* data, std::size_t size) {
  auto& state = *static_cast<WriteState*>(opaque);
  auto done = state.write(std::string_view(static_cast<const char*>(data), size));
  if (!done) {
    state.error = done.error();
    return ARCHIVE_FATAL;
  }
  return static_cast<la_ssize_t>(size);
}

std::unexpected<Error> archive_failure(archive* a, const std::optional<Error>& error, std::string_view what) {
  if (error) return std::unexpected(*error);
  const char* text = ::archive_error_string(a);
  return fail(Code::invalid_argument, "{}: {}", what, text != nullptr ? text : "broken archive");
}

std::string renamed(std::string name, const std::string& rename) {
  while (name.starts_with("./")) name.erase(0, 2);
  if (rename.empty()) return name;
  const auto slash = name.find('/');
  return slash == std::string::npos ? rename : rename + name.substr(slash);
}

Result<> copy_file(archive* writer, const std::string& path, bool follow) {
  auto file = TRY(sys::open(path, O_RDONLY | (follow ? 0 : O_NOFOLLOW)));
  std::array<char, 65536> buffer;
  for (;;) {
    const auto n = ::read(file.get(), buffer.data(), buffer.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail_errno(errno, "read {}", path);
    if (n == 0) return {};
    if (::archive_write_data(writer, buffer.data(), static_cast<std::size_t>(n)) < 0)
      return fail(Code::unavailable, "{}: the file grew while it was read", path);
  }
}

Result<> pack_one(archive* writer, const std::string& path, const std::string& as, bool follow, bool keep_owner) {
  struct stat st;
  if ((follow ? ::stat(path.c_str(), &st) : ::lstat(path.c_str(), &st)) < 0) return fail_errno(errno, "{}", path);
  std::unique_ptr<archive_entry, decltype(&::archive_entry_free)> entry(::archive_entry_new(), &::archive_entry_free);
  ::archive_entry_copy_stat(entry.get(), &st);
  ::archive_entry_set_pathname(entry.get(), as.c_str());
  if (!keep_owner) {
    ::archive_entry_set_uid(entry.get(), 0);
    ::archive_entry_set_gid(entry.get(), 0);
  }
  if (S_ISLNK(st.st_mode)) ::archive_entry_set_symlink(entry.get(), TRY(sys::read_link(path)).c_str());
  if (S_ISSOCK(st.st_mode)) return {};  // a tar has no word for sockets
  if (::archive_write_header(writer, entry.get()) < ARCHIVE_WARN)
    return fail(Code::unavailable, "{}: {}", path, ::archive_error_string(writer));
  if (S_ISREG(st.st_mode)) {
    TRY(copy_file(writer, path, follow));
  }
  if (!S_ISDIR(st.st_mode)) return {};
  for (const auto& name : TRY(sys::list_directory(follow ? path + "/." : path)))
    TRY(pack_one(writer, path + "/" + name, as + "/" + name, false, keep_owner));
  return {};
}

}  // namespace

Result<> unpack_tar(const ReadSome& read, const std::string& folder, const std::string& rename) {
  std::unique_ptr<archive, decltype(&::archive_read_free)> reader(::archive_read_new(), &::archive_read_free);
  ::archive_read_support_format_tar(reader.get());
  ReadState state{read, {}, {}};
  ::archive_read_open(reader.get(), &state, nullptr, &on_read, nullptr);
  // Relative names are written below `folder`; libarchive's own checks refuse names and links that lead out of it.
  auto before = TRY(sys::open(".", O_PATH | O_DIRECTORY));
  if (::chdir(folder.c_str()) < 0) return fail_errno(errno, "{}", folder);
  ScopeExit back([&] { [[maybe_unused]] const auto r = ::fchdir(before.get()); });
  std::unique_ptr<archive, decltype(&::archive_write_free)> disk(::archive_write_disk_new(), &::archive_write_free);
  int flags = ARCHIVE_EXTRACT_TIME | ARCHIVE_EXTRACT_PERM | ARCHIVE_EXTRACT_XATTR | ARCHIVE_EXTRACT_SECURE_NODOTDOT |
              ARCHIVE_EXTRACT_SECURE_SYMLINKS | ARCHIVE_EXTRACT_SECURE_NOABSOLUTEPATHS;
  ::archive_write_disk_set_options(disk.get(), flags);
  for (;;) {
    archive_entry* entry = nullptr;
    const int next = ::archive_read_next_header(reader.get(), &entry);
    if (next == ARCHIVE_EOF) return {};
    if (next < ARCHIVE_WARN) return archive_failure(reader.get(), state.error, "unpack");
    const auto name = renamed(::archive_entry_pathname(entry), rename);
    if (name.empty()) continue;
    ::archive_entry_set_pathname(entry, name.c_str());
    if (const char* link = ::archive_entry_hardlink(entry)) ::archive_entry_set_hardlink(entry, renamed(link, rename).c_str());
    if (::archive_write_header(disk.get(), entry) < ARCHIVE_WARN) return archive_failure(disk.get(), {}, name);
    const void* block = nullptr;
    std::size_t size = 0;
    la_int64_t offset = 0;
    for (;;) {
      const int got = ::archive_read_data_block(reader.get(), &block, &size, &offset);
      if (got == ARCHIVE_EOF) break;
      if (got < ARCHIVE_WARN) return archive_failure(reader.get(), state.error, name);
      if (::archive_write_data_block(disk.get(), block, size, offset) < ARCHIVE_WARN) return archive_failure(disk.get(), {}, name);
    }
    if (::archive_write_finish_entry(disk.get()) < ARCHIVE_WARN) return archive_failure(disk.get(), {}, name);
  }
}

Result<> pack_tar(const std::string& path, const std::string& as, bool follow, bool keep_owner, const WriteAll& write) {
  std::unique_ptr<archive, decltype(&::archive_write_free)> writer(::archive_write_new(), &::archive_write_free);
  ::archive_write_set_format_pax_restricted(writer.get());
  ::archive_write_set_bytes_per_block(writer.get(), 65536);
  ::archive_write_set_bytes_in_last_block(writer.get(), 1);
  WriteState state{write, {}};
  ::archive_write_open(writer.get(), &state, nullptr, &on_write, nullptr);
  auto packed = pack_one(writer.get(), path, as, follow, keep_owner);
  if (!packed) return std::unexpected(state.error ? *state.error : packed.error());
  if (::archive_write_close(writer.get()) != ARCHIVE_OK) return archive_failure(writer.get(), state.error, "pack");
  return {};
}

}  // namespace fulcrum::cli
