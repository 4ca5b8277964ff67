// What the build cache holds, and emptying it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/units.h"
#include "image/build/cache.h"
#include "image/image_store.h"

namespace fulcrum::image::build {

/// One step as the cache holds it.
struct CacheEntry {
  CachedStep step;
  bool in_use = false;      ///< an image has its layer, so that nothing is freed when it goes
  std::uint64_t bytes = 0;  ///< of its layer on disk: files and tar
};
/// All, least recently used first. A layer that several steps gave counts at the first of them.
[[nodiscard]] Result<std::vector<CacheEntry>> list_cache(const ImageStore& store);

/// What prune_cache() takes; everything that is set must hold.
struct CachePrune {
  bool all = false;                   ///< false: nothing whose layer is in use
  std::optional<Time> unused_since;   ///< only what was not used since
  std::vector<std::string> ids;       ///< only these keys, or prefixes of keys
  std::vector<std::string> comments;  ///< only steps whose history has one of these texts in it
  std::optional<bool> in_use;
  std::uint64_t keep_bytes = 0;  ///< the most recently used of so many bytes stay
};
struct PrunedCache {
  std::vector<std::string> keys;
  std::uint64_t bytes = 0;  ///< freed on disk
};
[[nodiscard]] Result<PrunedCache> prune_cache(ImageStore& store, const CachePrune& spec);

}  // namespace fulcrum::image::build
