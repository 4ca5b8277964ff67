// How builds and their cache travel.
#pragma once

#include "api/docker/build.h"
#include "schema/schema.h"

namespace fulcrum::schema {

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
