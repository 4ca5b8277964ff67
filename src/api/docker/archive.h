// What clients hear of a container's files.
// Source: the Engine API's description, version 1.47 (github.com/moby/moby, api/swagger.yaml): ContainerArchiveInfo (the header
// X-Docker-Container-Path-Stat) and ContainerChanges.
#pragma once

#include <cstdint>
#include <string>

#include "schema/schema.h"

namespace fulcrum::api::docker {

struct PathStat {
  std::string name;
  std::int64_t size = 0;
  std::uint32_t mode = 0;  ///< Go's os.FileMode
  std::string mtime;
  std::string link_target;
  friend bool operator==(const PathStat&, const PathStat&) = default;
};

struct FilesystemChange {
  std::string path;
  std::uint8_t kind = 0;  ///< 0 changed, 1 added, 2 deleted
  friend bool operator==(const FilesystemChange&, const FilesystemChange&) = default;
};

}  // namespace fulcrum::api::docker

namespace fulcrum::schema {

template <>
struct Schema<api::docker::PathStat> {
  using T = api::docker::PathStat;
  static constexpr std::string_view name = "ContainerPathStat";
  static constexpr std::string_view doc = "What lies at a path of a container.";
  static constexpr auto fields = std::tuple{always("name", &T::name, "Last name of the path."), always("size", &T::size, "Bytes."),
                                            always("mode", &T::mode, "Type and permissions as Go's os.FileMode."),
                                            always("mtime", &T::mtime, "Last change, RFC 3339."),
                                            always("linkTarget", &T::link_target, "Where a symbolic link leads to in the end.")};
};

template <>
struct Schema<api::docker::FilesystemChange> {
  using T = api::docker::FilesystemChange;
  static constexpr std::string_view name = "FilesystemChange";
  static constexpr std::string_view doc = "One difference between a container's files and its image's.";
  static constexpr auto fields =
      std::tuple{always("Path", &T::path, "Absolute path."), always("Kind", &T::kind, "0 changed, 1 added, 2 deleted.")};
};

}  // namespace fulcrum::schema
