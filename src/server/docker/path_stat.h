// Files in Docker's terms: pure functions.
#pragma once

#include <string>

#include "api/docker/archive.h"
#include "image/diff.h"
#include "server/native/archive.h"

namespace fulcrum::server::docker {

/// st_mode as Go's os.FileMode: type and special bits at the top, permissions at the bottom.
std::uint32_t go_file_mode(mode_t mode);
/// `path` as the client wrote it decides the name: "/a/." is ".". `target`: where a link leads to; empty for what is none.
api::docker::PathStat path_stat(const native::PathStat& info, const std::string& path, const std::string& target);
api::docker::FilesystemChange filesystem_change(const image::Change& change);

}  // namespace fulcrum::server::docker
