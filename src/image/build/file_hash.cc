// Hashes of files for the build cache: docker's tarsum v1, so that histories read the same.
#include "image/build/file_hash.h"

#include <fcntl.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <array>

#include "base/sys.h"
#include "image/build/copy_plan.h"
#include "image/build/rooted.h"
#include "image/digest.h"
#include "image/tree_node.h"

namespace fulcrum::image::build {

namespace {

char type_flag(mode_t mode) {
  if (S_ISDIR(mode)) return '5';
  if (S_ISLNK(mode)) return '2';
  if (S_ISCHR(mode)) return '3';
  if (S_ISBLK(mode)) return '4';
  if (S_ISFIFO(mode)) return '6';
  return '0';
}

/// The attribute as an archive would carry it: a capability's namespace root means nothing elsewhere.
std::string portable_capability(std::string_view value) {
  constexpr std::size_t kRevision = 3;
  constexpr std::size_t kRevision2Size = 20;
  if (value.size() <= kRevision || value[kRevision] != 3) return std::string(value);
  auto out = std::string(value.substr(0, kRevision)) + '\2';
  out += value.substr(kRevision + 1, kRevision2Size - kRevision - 1);
  return out;
}

Result<std::string> header_of(const std::string& name, const TreeNode& node) {
  const auto& st = node.st;
  const bool device = S_ISCHR(st.st_mode) || S_ISBLK(st.st_mode);
  std::string target;
  if (S_ISLNK(st.st_mode)) {
    target.resize(4096);
    const auto got = ::readlinkat(node.pin.get(), "", target.data(), target.size());
    if (got < 0) return fail_errno(errno, "read link {}", name);
    target.resize(static_cast<std::size_t>(got));
  }
  auto out = fmt::format("name{}{}mode{}uid{}gid{}size{}typeflag{}linkname{}unamegnamedevmajor{}devminor{}", name,
                         S_ISDIR(st.st_mode) && !name.ends_with('/') ? "/" : "", st.st_mode & 07777U, st.st_uid, st.st_gid,
                         S_ISREG(st.st_mode) ? st.st_size : 0, type_flag(st.st_mode), target, device ? major(st.st_rdev) : 0,
                         device ? minor(st.st_rdev) : 0);
  if (S_ISREG(st.st_mode))
    if (auto capability = TRY(node.xattr("security.capability"))) out += "security.capability" + portable_capability(*capability);
  return out;
}

Result<> hash_content(Hasher& hasher, const TreeNode& node, const StopSource* stop) {
  const auto file = TRY(node.open());
  std::string buffer(1 << 18, '\0');
  for (;;) {
    if (stop != nullptr && stop->stop_requested()) return fail(Code::cancelled, "stopped");
    const auto got = ::read(file.get(), buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail_errno(errno, "read");
    if (got == 0) return {};
    hasher.update(std::string_view(buffer).substr(0, static_cast<std::size_t>(got)));
  }
}

}  // namespace

Result<std::string> node_hash(const std::string& name, const TreeNode& node, const StopSource* stop) {
  auto hasher = TRY(Hasher::create());
  hasher.update(TRY(header_of(name, node)));
  if (S_ISREG(node.st.st_mode)) TRY(hash_content(hasher, node, stop), "{}", name);
  return std::string(digest_hex(hasher.finish()));
}

Result<std::string> file_hash(int root, const std::string& path, const StopSource* stop) {
  // What a link leads to counts, for that is what is copied; one that leads nowhere counts itself.
  const auto resolved = TRY(resolve_in(root, path));
  if (const auto node = TRY(look_in(root, resolved))) return node_hash(resolved, *node, stop);
  const auto itself = TRY(resolve_in(root, path, false));
  const auto node = TRY(look_in(root, itself));
  if (!node) return fail(Code::not_found, "stat {}: file does not exist", path);
  return node_hash(itself, *node, stop);
}

std::string text_hash(const std::string& name, std::string_view content, mode_t mode) {
  auto hasher = Hasher::create();
  FULCRUM_ASSERT(hasher.has_value());
  hasher->update(fmt::format("name{}mode{}uid0gid0size{}typeflag0linknameunamegnamedevmajor0devminor0", name, mode, content.size()));
  hasher->update(content);
  return std::string(digest_hex(hasher->finish()));
}

}  // namespace fulcrum::image::build
