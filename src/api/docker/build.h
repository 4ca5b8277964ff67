// What the Engine API says of builds and their cache.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace fulcrum::api::docker {

/// One entry of the build cache, in GET /system/df.
struct BuildCacheEntry {
  std::string id;
  std::optional<std::vector<std::string>> parents;
  std::string type = "regular";
  std::string description;
  bool in_use = false;
  bool shared = false;  ///< an image has its layer
  std::int64_t size = 0;
  std::string created_at;
  std::optional<std::string> last_used_at;
  std::int64_t usage_count = 0;
};

/// Answer of POST /build/prune.
struct BuildPruned {
  std::optional<std::vector<std::string>> caches_deleted;  ///< null: none
  std::int64_t space_reclaimed = 0;
};

}  // namespace fulcrum::api::docker
