// Images as the Docker Engine API shows them. Members that some versions do not have are optional; an absent list that Docker writes as
// null is an optional, too.
// Source: the Engine API's OpenAPI descriptions, versions 1.24 to 1.47.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "api/oci/image_spec.h"

namespace fulcrum::api::docker {

/// One entry of GET /images/json.
struct ImageSummary {
  std::int64_t containers = -1;
  std::int64_t created = 0;  ///< seconds since the epoch
  std::string id;
  std::optional<std::map<std::string, std::string>> labels;
  std::string parent_id;
  std::vector<std::string> repo_digests;
  std::vector<std::string> repo_tags;
  std::int64_t shared_size = -1;
  std::int64_t size = 0;
  std::optional<std::int64_t> virtual_size;  ///< before 1.44
  friend bool operator==(const ImageSummary&, const ImageSummary&) = default;
};

/// What an image says of its containers, with all the members of a container's Config.
struct ImageConfig {
  std::string hostname;
  std::string domainname;
  std::string user;
  bool attach_stdin = false;
  bool attach_stdout = false;
  bool attach_stderr = false;
  oci::StringSet exposed_ports;
  bool tty = false;
  bool open_stdin = false;
  bool stdin_once = false;
  std::optional<std::vector<std::string>> env;
  std::optional<std::vector<std::string>> cmd;
  std::optional<oci::Healthcheck> healthcheck;
  bool args_escaped = false;
  std::string image;
  std::optional<oci::StringSet> volumes;
  std::string working_dir;
  std::optional<std::vector<std::string>> entrypoint;
  std::optional<std::vector<std::string>> on_build;
  std::optional<std::map<std::string, std::string>> labels;
  std::string stop_signal;
  std::vector<std::string> shell;
  friend bool operator==(const ImageConfig&, const ImageConfig&) = default;
};

struct GraphDriver {
  std::map<std::string, std::string> data;
  std::string name;
  friend bool operator==(const GraphDriver&, const GraphDriver&) = default;
};

struct ImageRootFs {
  std::string type;
  std::vector<std::string> layers;
  friend bool operator==(const ImageRootFs&, const ImageRootFs&) = default;
};

struct ImageMetadata {
  std::string last_tag_time;
  friend bool operator==(const ImageMetadata&, const ImageMetadata&) = default;
};

/// GET /images/{name}/json.
struct ImageInspect {
  std::string id;
  std::vector<std::string> repo_tags;
  std::vector<std::string> repo_digests;
  std::string parent;
  std::string comment;
  std::optional<std::string> created;           ///< before 1.44 never absent
  std::optional<std::string> container;         ///< before 1.45
  std::optional<ImageConfig> container_config;  ///< before 1.45
  std::string docker_version;
  std::string author;
  ImageConfig config;
  std::string architecture;
  std::string variant;
  std::string os;
  std::string os_version;
  std::int64_t size = 0;
  std::optional<std::int64_t> virtual_size;  ///< before 1.44
  GraphDriver graph_driver;
  ImageRootFs root_fs;
  ImageMetadata metadata;
  friend bool operator==(const ImageInspect&, const ImageInspect&) = default;
};

/// One entry of GET /images/{name}/history.
struct ImageHistoryItem {
  std::string comment;
  std::int64_t created = 0;
  std::string created_by;
  std::string id = "<missing>";
  std::int64_t size = 0;
  std::optional<std::vector<std::string>> tags;
  friend bool operator==(const ImageHistoryItem&, const ImageHistoryItem&) = default;
};

/// One step of a removal: one of the two is set.
struct ImageDelete {
  std::string untagged;
  std::string deleted;
  friend bool operator==(const ImageDelete&, const ImageDelete&) = default;
};

/// POST /images/prune.
struct ImagePrune {
  std::optional<std::vector<ImageDelete>> images_deleted;
  std::uint64_t space_reclaimed = 0;
  friend bool operator==(const ImagePrune&, const ImagePrune&) = default;
};

/// GET /distribution/{name}/json.
struct DistributionInspect {
  oci::Descriptor descriptor;
  std::vector<oci::Platform> platforms;
  friend bool operator==(const DistributionInspect&, const DistributionInspect&) = default;
};

/// An answer that is only an ID: of a commit.
struct CreatedId {
  std::string id;
  friend bool operator==(const CreatedId&, const CreatedId&) = default;
};

}  // namespace fulcrum::api::docker
