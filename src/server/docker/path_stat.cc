#include "server/docker/path_stat.h"

#include <sys/stat.h>

namespace fulcrum::server::docker {

std::uint32_t go_file_mode(mode_t mode) {
  std::uint32_t bits = mode & 0777;
  switch (mode & S_IFMT) {
    case S_IFDIR: bits |= 1U << 31; break;
    case S_IFLNK: bits |= 1U << 27; break;
    case S_IFBLK: bits |= 1U << 26; break;
    case S_IFCHR: bits |= 1U << 26 | 1U << 21; break;
    case S_IFIFO: bits |= 1U << 25; break;
    case S_IFSOCK: bits |= 1U << 24; break;
    default: break;
  }
  if ((mode & S_ISUID) != 0) bits |= 1U << 23;
  if ((mode & S_ISGID) != 0) bits |= 1U << 22;
  if ((mode & S_ISVTX) != 0) bits |= 1U << 20;
  return bits;
}

api::docker::PathStat path_stat(const native::PathStat& info, const std::string& path, const std::string& target) {
  const bool top = path.find_first_not_of('/') == std::string::npos;
  return {.name = top ? "/" : info.name,
          .size = info.size,
          .mode = go_file_mode(info.mode),
          .mtime = format_time(info.modified),
          .link_target = target};
}

api::docker::FilesystemChange filesystem_change(const image::Change& change) {
  switch (change.kind) {
    case image::Change::Kind::changed: return {.path = change.path, .kind = 0};
    case image::Change::Kind::added: return {.path = change.path, .kind = 1};
    case image::Change::Kind::deleted: return {.path = change.path, .kind = 2};
  }
  return {};
}

}  // namespace fulcrum::server::docker
