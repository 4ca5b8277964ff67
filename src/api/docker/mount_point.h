// A mount of a container, as list and inspect show it.
#pragma once

#include <string>

#include "schema/schema.h"

namespace fulcrum::api::docker {

struct MountPoint {
  std::string type;
  std::string name;  ///< volumes only
  std::string source;
  std::string destination;
  std::string driver;  ///< volumes only
  std::string mode;
  bool rw = true;
  std::string propagation;
  friend bool operator==(const MountPoint&, const MountPoint&) = default;
};

}  // namespace fulcrum::api::docker

namespace fulcrum::schema {

template <>
struct Schema<api::docker::MountPoint> {
  using T = api::docker::MountPoint;
  static constexpr std::string_view name = "MountPoint";
  static constexpr std::string_view doc = "A mount of a container.";
  static constexpr auto fields = std::tuple{
      optional("Type", &T::type, "bind, volume, tmpfs, image."),
      optional("Name", &T::name, "The volume."),
      always("Source", &T::source, "Host path."),
      always("Destination", &T::destination, "Path inside."),
      optional("Driver", &T::driver, "Volume driver."),
      always("Mode", &T::mode, "Options, as the client gave them."),
      always("RW", &T::rw, "Whether it can be written."),
      always("Propagation", &T::propagation, "How mounts travel, for binds."),
  };
};

}  // namespace fulcrum::schema
