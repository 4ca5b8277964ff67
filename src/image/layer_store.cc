#include "image/layer_store.h"

#include <sys/xattr.h>
#include <unistd.h>

#include <array>

#include "base/scope_exit.h"
#include "base/sys.h"
#include "image/tar_reader.h"
#include "image/tree_writer.h"

namespace fulcrum::image {

namespace {

constexpr std::string_view kTemporary = ".new-";
constexpr std::string_view kDeleted = ".old-";

std::string folder_name(const Digest& diff_id) { return std::string(digest_algorithm(diff_id)) + "-" + std::string(digest_hex(diff_id)); }

/// A layer's one line of metadata: the bytes of file data in it.
Result<std::uint64_t> parse_size_line(const std::string& text) {
  std::uint64_t size = 0;
  for (const char c : text) {
    if (c == '\n') break;
    if (c < '0' || c > '9' || size > (std::uint64_t{1} << 60)) return fail(Code::data_loss, "layer size file is damaged");
    size = size * 10 + static_cast<std::uint64_t>(c - '0');
  }
  return size;
}

}  // namespace

struct LayerStore::Filled {
  Digest diff_id;
  UnpackStats stats;
};

namespace {

/// Applies the tar; the digest is that of its uncompressed stream.
Result<std::pair<Digest, UnpackStats>> fill(int blob, const std::string& folder, const UnpackOptions& options, const StopSource& stop,
                                            const std::function<void(std::uint64_t)>& progress) {
  const TarLimits limits{.stream = {.max_bytes = options.limits.max_bytes, .max_ratio = options.limits.max_ratio},
                         .max_path = options.limits.max_path,
                         .max_xattr_bytes = options.limits.max_xattr_bytes};
  const auto root = TRY(sys::open(folder, O_RDONLY | O_DIRECTORY));
  if (::fchmod(root.get(), 0755) != 0) return fail_errno(errno, "chmod {}", folder);
  auto reader = TRY(TarReader::open(blob, limits, stop, progress));
  TreeWriter writer(root.get(), options);
  while (const auto entry = TRY(reader.next())) TRY(writer.apply(*entry, reader));
  TRY(writer.finish());
  auto actual = TRY(reader.finish());
  auto stats = writer.stats();
  stats.stream_bytes = reader.stream_bytes();
  return std::pair(std::move(actual), stats);
}

}  // namespace

Result<LayerStore> LayerStore::open(const std::string& root) {
  TRY(sys::make_directories(root, 0700), "open layer store");
  for (const auto& name : TRY(sys::list_directory(root))) {
    if (name.starts_with(kTemporary) || name.starts_with(kDeleted)) TRY(sys::remove_tree(root + "/" + name));
  }
  return LayerStore(root);
}

std::string LayerStore::path(const Digest& diff_id) const { return root_ + "/" + folder_name(diff_id) + "/fs"; }

bool LayerStore::contains(const Digest& diff_id) const { return parse_digest(diff_id.str()) && sys::exists(path(diff_id)); }

Result<UnpackStats> LayerStore::unpack(int blob, const Digest& diff_id, const UnpackOptions& options, const StopSource& stop,
                                       const std::function<void(std::uint64_t)>& progress) const {
  TRY(parse_digest(diff_id.str()));
  if (digest_algorithm(diff_id) != "sha256")
    return fail(Code::unimplemented, "layer {}: only sha256 diffIDs can be verified", diff_id.str());
  if (contains(diff_id)) return UnpackStats{};
  return TRY(unpack_as(blob, diff_id, options, stop, progress), "unpack layer {}", diff_id.str()).stats;
}

Result<Digest> LayerStore::unpack_new(int blob, const UnpackOptions& options, const StopSource& stop,
                                      const std::function<void(std::uint64_t)>& progress) const {
  return TRY(unpack_as(blob, std::nullopt, options, stop, progress), "unpack layer").diff_id;
}

Result<LayerStore::Filled> LayerStore::unpack_as(int blob, const std::optional<Digest>& expected, const UnpackOptions& options,
                                                 const StopSource& stop, const std::function<void(std::uint64_t)>& progress) const {
  const auto temporary = root_ + "/" + std::string(kTemporary) + sys::random_hex(8);
  ScopeExit clean([&] { static_cast<void>(sys::remove_tree(temporary)); });
  TRY(sys::make_directories(temporary + "/fs", 0700));
  auto [actual, stats] = TRY(fill(blob, temporary + "/fs", options, stop, progress));
  if (expected && actual != *expected) {
    return fail(Code::data_loss, "the content has diffID {} instead of {}", actual.str(), expected->str());
  }
  if (TRY(publish(temporary, actual, stats.disk_bytes, options.durable))) clean.dismiss();
  return Filled{std::move(actual), stats};
}

Result<bool> LayerStore::publish(const std::string& temporary, const Digest& diff_id, std::uint64_t disk_bytes, bool durable) const {
  const auto size = TRY(sys::open(temporary + "/size", O_WRONLY | O_CREAT | O_EXCL, 0600));
  TRY(sys::write_all(size.get(), std::to_string(disk_bytes) + "\n"));
  const auto folder = TRY(sys::open(temporary, O_RDONLY | O_DIRECTORY));
  if (durable && ::syncfs(folder.get()) != 0) return fail_errno(errno, "sync layer {}", diff_id.str());
  const auto final = root_ + "/" + folder_name(diff_id);
  if (::rename(temporary.c_str(), final.c_str()) != 0) {
    if (errno != EEXIST && errno != ENOTEMPTY) return fail_errno(errno, "rename {}", temporary);
    return false;  // it was there, or another thread was faster
  }
  const auto parent = TRY(sys::open(root_, O_RDONLY | O_DIRECTORY));
  if (durable && ::fsync(parent.get()) != 0) return fail_errno(errno, "sync {}", root_);
  return true;
}

Result<std::string> LayerStore::scratch() const {
  auto folder = root_ + "/" + std::string(kTemporary) + sys::random_hex(8);
  TRY(sys::make_directories(folder, 0700));
  return folder;
}

Result<> LayerStore::adopt(const std::string& folder, const Digest& diff_id, std::uint64_t disk_bytes, bool durable) const {
  TRY(parse_digest(diff_id.str()));
  if (contains(diff_id)) return {};
  const auto temporary = TRY(scratch());
  ScopeExit clean([&] { static_cast<void>(sys::remove_tree(temporary)); });
  if (::rename(folder.c_str(), (temporary + "/fs").c_str()) != 0) return fail_errno(errno, "adopt layer {}", diff_id.str());
  if (TRY(publish(temporary, diff_id, disk_bytes, durable))) clean.dismiss();
  return {};
}

Result<LayerInfo> LayerStore::stat(const Digest& diff_id) const {
  if (!contains(diff_id)) return fail(Code::not_found, "no layer {}", diff_id.str());
  const auto size = TRY(sys::read_file(root_ + "/" + folder_name(diff_id) + "/size", 64));
  return LayerInfo{.diff_id = diff_id, .disk_bytes = TRY(parse_size_line(size))};
}

Result<std::vector<Digest>> LayerStore::list() const {
  std::vector<Digest> layers;
  for (auto name : TRY(sys::list_directory(root_))) {
    if (const auto dash = name.find('-'); dash != std::string::npos) name[dash] = ':';
    if (auto digest = parse_digest(name)) layers.push_back(std::move(*digest));
  }
  return layers;
}

Result<std::optional<std::string>> LayerStore::set_aside(const Digest& diff_id) const {
  TRY(parse_digest(diff_id.str()));
  auto aside = root_ + "/" + std::string(kDeleted) + sys::random_hex(8);
  if (::rename((root_ + "/" + folder_name(diff_id)).c_str(), aside.c_str()) == 0) return aside;
  if (errno == ENOENT) return std::nullopt;
  return fail_errno(errno, "remove layer {}", diff_id.str());
}

Result<> LayerStore::remove(const Digest& diff_id) const {
  const auto aside = TRY(set_aside(diff_id));
  return aside ? sys::remove_tree(*aside) : Result<>();
}

bool LayerStore::hides_lower_layers(const Digest& diff_id) const {
  const auto folder = path(diff_id);
  std::array<char, 4> value{};
  for (const char* name : {"trusted.overlay.opaque", "user.overlay.opaque"}) {
    if (::lgetxattr(folder.c_str(), name, value.data(), value.size()) == 1 && value[0] == 'y') return true;
  }
  return false;
}

}  // namespace fulcrum::image
