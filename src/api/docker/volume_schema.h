// How volumes travel.
#pragma once

#include "api/docker/volume.h"
#include "schema/schema.h"

namespace fulcrum::schema {

template <>
struct Schema<api::docker::VolumeUsage> {
  using T = api::docker::VolumeUsage;
  static constexpr std::string_view name = "VolumeUsageData";
  static constexpr std::string_view doc = "What a volume takes.";
  static constexpr auto fields =
      std::tuple{always("Size", &T::size, "Bytes; -1: not known."), always("RefCount", &T::ref_count, "Containers that use it.")};
};

template <>
struct Schema<api::docker::Volume> {
  using T = api::docker::Volume;
  static constexpr std::string_view name = "Volume";
  static constexpr std::string_view doc = "A volume.";
  static constexpr auto fields = std::tuple{
      always("CreatedAt", &T::created_at, "When."), always("Driver", &T::driver, "local."),
      always("Labels", &T::labels, "Labels."),      always("Mountpoint", &T::mountpoint, "Path of the data on the host."),
      always("Name", &T::name, "Its name."),        always("Options", &T::options, "Options of the driver."),
      always("Scope", &T::scope, "local."),         optional("UsageData", &T::usage_data, "In /system/df only."),
  };
};
template <>
struct Schema<api::docker::VolumeList> {
  using T = api::docker::VolumeList;
  static constexpr std::string_view name = "VolumeListResponse";
  static constexpr std::string_view doc = "Volumes.";
  static constexpr auto fields =
      std::tuple{always("Volumes", &T::volumes, "Volumes."), always("Warnings", &T::warnings, "What could not be listed.")};
};

template <>
struct Schema<api::docker::VolumeCreate> {
  using T = api::docker::VolumeCreate;
  static constexpr std::string_view name = "VolumeCreateOptions";
  static constexpr std::string_view doc = "A volume that is wanted.";
  static constexpr auto fields = std::tuple{
      optional("Name", &T::name, "Empty: made up."),
      optional("Driver", &T::driver, "local."),
      optional("DriverOpts", &T::driver_opts, "type, device, o, size."),
      optional("Labels", &T::labels, "Labels."),
  };
};

template <>
struct Schema<api::docker::VolumesPruned> {
  using T = api::docker::VolumesPruned;
  static constexpr std::string_view name = "VolumePruneResponse";
  static constexpr std::string_view doc = "What a prune removed.";
  static constexpr auto fields =
      std::tuple{always("VolumesDeleted", &T::volumes_deleted, "Names."), always("SpaceReclaimed", &T::space_reclaimed, "Bytes.")};
};

}  // namespace fulcrum::schema
