// How builds and their cache travel.
#pragma once

#include "api/docker/build.h"
#include "schema/schema.h"

namespace fulcrum::schema {

template <>
struct Schema<api::docker::BuildCacheEntry> {
  using T = api::docker::BuildCacheEntry;
  static constexpr std::string_view name = "BuildCacheEntry";
  static constexpr std::string_view doc = "What a step of a build gave.";
  static constexpr auto fields = std::tuple{
      always("ID", &T::id, "Its key."),
      optional("Parents", &T::parents, "The step before it."),
      always("Type", &T::type, "regular."),
      always("Description", &T::description, "The history's text."),
      always("InUse", &T::in_use, "Whether a build works with it."),
      always("Shared", &T::shared, "Whether an image has its layer."),
      always("Size", &T::size, "Bytes on disk."),
      always("CreatedAt", &T::created_at, "When it was made."),
      always("LastUsedAt", &T::last_used_at, "When it was used last."),
      always("UsageCount", &T::usage_count, "How often it was used."),
  };
};

template <>
struct Schema<api::docker::BuildPruned> {
  using T = api::docker::BuildPruned;
  static constexpr std::string_view name = "BuildPruned";
  static constexpr std::string_view doc = "What went of the build cache.";
  static constexpr auto fields = std::tuple{
      always("CachesDeleted", &T::caches_deleted, "IDs of the entries."),
      always("SpaceReclaimed", &T::space_reclaimed, "Bytes freed on disk."),
  };
};

}  // namespace fulcrum::schema
