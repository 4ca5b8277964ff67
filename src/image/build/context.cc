#include "image/build/context.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <utility>

#include "base/sys.h"
#include "image/build/go_text.h"
#include "image/build/ignore.h"
#include "image/build/rooted.h"
#include "image/tar_reader.h"
#include "image/tree_writer.h"

namespace fulcrum::image::build {

namespace {

constexpr std::string_view kWhiteout = ".wh.";

/// A name that means "deleted" in a layer means nothing in a context: such files are refused rather than turned into something else.
Result<> check_name(const TarEntry& entry) {
  if (base_name(entry.name).starts_with(kWhiteout))
    return fail(Code::invalid_argument, "{}: names that begin with .wh. cannot be in a build context", shown(entry.name));
  return {};
}

Result<> unpack(int fd, int root, const ContextLimits& limits, const StopSource& stop) {
  TarLimits tar;
  tar.stream = {limits.unpack.max_bytes, limits.unpack.max_ratio};
  tar.max_path = limits.unpack.max_path;
  tar.max_xattr_bytes = limits.unpack.max_xattr_bytes;
  auto reader = TRY(TarReader::open(fd, tar, stop));
  UnpackOptions options;
  options.limits = limits.unpack;
  options.durable = false;
  TreeWriter writer(root, options);
  while (auto entry = TRY(reader.next())) {
    TRY(check_name(*entry));
    TRY(writer.apply(*entry, reader));
  }
  TRY(writer.finish());
  TRY(reader.finish());
  return {};
}

Result<std::pair<std::string, UniqueFd>> make_folder(const std::string& parent) {
  const auto path = parent + "/context-" + sys::random_hex(8);
  if (::mkdir(path.c_str(), 0755) != 0) return fail_errno(errno, "make folder {}", path);
  auto root = sys::open(path, O_PATH | O_DIRECTORY);
  if (!root) {
    static_cast<void>(sys::remove_tree(path));
    return std::unexpected(root.error());
  }
  return std::pair(path, std::move(*root));
}

Result<> remove_in(int root, const std::string& name) {
  const auto cleaned = clean_path("/" + name).substr(1);
  const auto slash = cleaned.rfind('/');
  auto folder = TRY(sys::open_in_root(root, slash == std::string::npos ? "." : cleaned.substr(0, slash), O_PATH | O_DIRECTORY));
  if (::unlinkat(folder.get(), cleaned.substr(slash + 1).c_str(), 0) != 0 && errno != ENOENT) return fail_errno(errno, "remove {}", name);
  return {};
}

/// Whether a text could be a Dockerfile: no control characters but white space.
bool is_text(std::string_view start) {
  return std::none_of(start.begin(), start.end(),
                      [](char c) { return static_cast<unsigned char>(c) < 0x20 && !is_space(static_cast<unsigned char>(c)); });
}

/// Reads up to `want` bytes from the start without moving on.
Result<std::string> peek(int fd, std::size_t want) {
  std::string out(want, '\0');
  const auto at = ::lseek(fd, 0, SEEK_CUR);
  const auto got = ::pread(fd, out.data(), want, at < 0 ? 0 : at);
  if (at < 0 || got < 0) return fail_errno(errno, "read a download");
  out.resize(static_cast<std::size_t>(got));
  return out;
}

}  // namespace

BuildContext::BuildContext(BuildContext&& other) noexcept : path_(std::exchange(other.path_, {})), root_(std::move(other.root_)) {}

BuildContext::~BuildContext() {
  root_.reset();
  if (!path_.empty()) static_cast<void>(sys::remove_tree(path_));  // what is left then goes with the engine's temporary folder
}

Result<BuildContext> BuildContext::from_tar(int fd, const std::string& parent, const ContextLimits& limits, const StopSource& stop) {
  auto [path, root] = TRY(make_folder(parent));
  BuildContext out(std::move(path), std::move(root));
  TRY(unpack(fd, out.root(), limits, stop), "build context");
  return out;
}

Result<BuildContext> BuildContext::from_dockerfile(std::string_view text, const std::string& parent) {
  auto [path, root] = TRY(make_folder(parent));
  BuildContext out(std::move(path), std::move(root));
  TRY(sys::write_file_atomic(out.path() + "/Dockerfile", text));
  return out;
}

Result<BuildContext> BuildContext::from_download(int fd, const std::string& parent, const ContextLimits& limits, const StopSource& stop) {
  const auto start = TRY(peek(fd, 512));
  if (start.empty()) return fail(Code::invalid_argument, "empty response");
  const bool packed = detect_compression(start) != Compression::none;
  if (packed || !is_text(start)) return from_tar(fd, parent, limits, stop);
  return from_dockerfile(TRY(sys::read_all(fd, limits.max_dockerfile)), parent);
}

Result<std::string> BuildContext::take_dockerfile(const std::string& name, const ContextLimits& limits) {
  std::string found = name.empty() ? "Dockerfile" : name;
  auto file = TRY(open_regular(root(), found));
  if (!file && found == "Dockerfile") {
    file = TRY(open_regular(root(), "dockerfile"));
    if (file) found = "dockerfile";
  }
  if (!file) return fail(Code::invalid_argument, "Cannot locate specified Dockerfile: {}", shown(found));
  auto text = sys::read_all(file->get(), limits.max_dockerfile);
  if (!text) return fail(Code::invalid_argument, "the Dockerfile ({}) is longer than {} bytes", shown(found), limits.max_dockerfile);
  if (text->empty()) return fail(Code::invalid_argument, "the Dockerfile ({}) cannot be empty", shown(found));
  if (const auto ignore = TRY(open_regular(root(), ".dockerignore"))) {
    const auto rules =
        TRY(IgnoreRules::create(read_ignore_file(TRY(sys::read_all(ignore->get(), limits.max_dockerfile)))), "error reading .dockerignore");
    for (const auto& own : {std::string(".dockerignore"), found})
      if (rules.excludes(own)) TRY(remove_in(root(), own));
  }
  return std::move(*text);
}

RemoteKind remote_kind(std::string_view remote) {
  const auto starts = [&](std::string_view prefix) { return remote.starts_with(prefix); };
  const bool url = starts("http://") || starts("https://");
  const auto path = remote.substr(0, remote.find('#'));
  if (url) return path.ends_with(".git") ? RemoteKind::git : RemoteKind::url;
  if (starts("git://") || starts("git@") || starts("github.com/") || starts("ssh://")) return RemoteKind::git;
  return RemoteKind::unknown;
}

}  // namespace fulcrum::image::build
