// Volumes, as the Engine API says them.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace fulcrum::api::docker {

/// What GET /system/df tells of a volume, and nothing else.
struct VolumeUsage {
  std::int64_t size = -1;
  std::int64_t ref_count = -1;
  friend bool operator==(const VolumeUsage&, const VolumeUsage&) = default;
};

struct Volume {
  std::string created_at;
  std::string driver = "local";
  std::map<std::string, std::string> labels;
  std::string mountpoint;
  std::string name;
  std::map<std::string, std::string> options;
  std::string scope = "local";
  std::optional<VolumeUsage> usage_data;
  friend bool operator==(const Volume&, const Volume&) = default;
};
struct VolumeList {
  std::vector<Volume> volumes;
  std::vector<std::string> warnings;
  friend bool operator==(const VolumeList&, const VolumeList&) = default;
};

struct VolumeCreate {
  std::string name;
  std::string driver;
  std::optional<std::map<std::string, std::string>> driver_opts;
  std::optional<std::map<std::string, std::string>> labels;
  friend bool operator==(const VolumeCreate&, const VolumeCreate&) = default;
};

struct VolumesPruned {
  std::vector<std::string> volumes_deleted;
  std::uint64_t space_reclaimed = 0;
  friend bool operator==(const VolumesPruned&, const VolumesPruned&) = default;
};

}  // namespace fulcrum::api::docker
