#include "base/tree.h"

#include <fts.h>
#include <sys/stat.h>

#include <memory>
#include <set>
#include <utility>

namespace fulcrum::sys {

Result<TreeUsage> tree_usage(const std::string& path) {
  std::string root = path;
  char* roots[] = {root.data(), nullptr};
  const auto close = [](FTS* tree) { ::fts_close(tree); };
  const std::unique_ptr<FTS, decltype(close)> tree(::fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR | FTS_XDEV, nullptr), close);
  if (tree == nullptr) return fail_errno(errno, "walk {}", path);
  TreeUsage usage;
  std::set<std::pair<dev_t, ino_t>> linked;
  while (const FTSENT* entry = ::fts_read(tree.get())) {
    const bool failed = entry->fts_info == FTS_NS || entry->fts_info == FTS_DNR || entry->fts_info == FTS_ERR;
    if (failed && entry->fts_level == FTS_ROOTLEVEL) return fail_errno(entry->fts_errno, "walk {}", path);
    const bool folder = entry->fts_info == FTS_D;
    if (!folder && entry->fts_info != FTS_F && entry->fts_info != FTS_SL && entry->fts_info != FTS_DEFAULT) continue;
    const auto& st = *entry->fts_statp;
    const auto on_disk = static_cast<std::uint64_t>(st.st_blocks) * 512;
    usage.disk += folder || st.st_nlink <= 1 ? on_disk : on_disk / st.st_nlink;
    if (folder || (st.st_nlink > 1 && !linked.emplace(st.st_dev, st.st_ino).second)) continue;
    usage.bytes += static_cast<std::uint64_t>(st.st_size);
  }
  return usage;
}

}  // namespace fulcrum::sys
