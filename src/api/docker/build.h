// What the Engine API says of builds and their cache.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace fulcrum::api::docker {

/// Answer of POST /build/prune.
struct BuildPruned {
  std::optional<std::vector<std::string>> caches_deleted;  ///< null: none
  std::int64_t space_reclaimed = 0;
};

}  // namespace fulcrum::api::docker
