// OCI image specification 1.1 and Docker's schema 2: descriptors, manifests, indexes and image configs as plain structs. Both kinds share
// their shapes; the media types tell them apart. Unknown fields are ignored, as the specification asks.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/id.h"

namespace fulcrum::oci {

namespace media {
inline constexpr std::string_view kOciIndex = "application/vnd.oci.image.index.v1+json";
inline constexpr std::string_view kOciManifest = "application/vnd.oci.image.manifest.v1+json";
inline constexpr std::string_view kOciConfig = "application/vnd.oci.image.config.v1+json";
inline constexpr std::string_view kOciLayer = "application/vnd.oci.image.layer.v1.tar";
inline constexpr std::string_view kOciLayerGzip = "application/vnd.oci.image.layer.v1.tar+gzip";
inline constexpr std::string_view kOciLayerZstd = "application/vnd.oci.image.layer.v1.tar+zstd";
inline constexpr std::string_view kOciEmpty = "application/vnd.oci.empty.v1+json";
inline constexpr std::string_view kDockerList = "application/vnd.docker.distribution.manifest.list.v2+json";
inline constexpr std::string_view kDockerManifest = "application/vnd.docker.distribution.manifest.v2+json";
inline constexpr std::string_view kDockerConfig = "application/vnd.docker.container.image.v1+json";
inline constexpr std::string_view kDockerLayer = "application/vnd.docker.image.rootfs.diff.tar";
inline constexpr std::string_view kDockerLayerGzip = "application/vnd.docker.image.rootfs.diff.tar.gzip";
inline constexpr std::string_view kDockerForeignLayerGzip = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip";
}  // namespace media

/// An index (OCI) or manifest list (Docker).
bool is_index(std::string_view media_type);
/// An image manifest of either kind.
bool is_manifest(std::string_view media_type);
/// A tar layer of either kind, in any compression, distributable or not.
bool is_layer(std::string_view media_type);

/// The machine an image is for (image-index.md, "platform"). Empty means unsaid.
struct Platform {
  std::string architecture;  ///< Go's words: amd64, arm64, arm
  std::string os;
  std::string os_version;
  std::vector<std::string> os_features;
  std::string variant;  ///< v7, v8
  friend bool operator==(const Platform&, const Platform&) = default;
};

/// A pointer to content (descriptor.md). parse_* checked the digest's form and that the size is not negative.
struct Descriptor {
  std::string media_type;
  Digest digest;
  std::int64_t size = 0;
  std::vector<std::string> urls;
  std::map<std::string, std::string> annotations;
  std::string data;  ///< base64 of the content itself, when embedded
  std::optional<Platform> platform;
  std::string artifact_type;
  friend bool operator==(const Descriptor&, const Descriptor&) = default;
};

/// An image manifest (manifest.md; Docker's schema 2).
struct Manifest {
  int schema_version = 2;
  std::string media_type;
  std::string artifact_type;
  Descriptor config;
  std::vector<Descriptor> layers;
  std::optional<Descriptor> subject;
  std::map<std::string, std::string> annotations;
  friend bool operator==(const Manifest&, const Manifest&) = default;
};

/// An image index (image-index.md; Docker's manifest list).
struct Index {
  int schema_version = 2;
  std::string media_type;
  std::string artifact_type;
  std::vector<Descriptor> manifests;
  std::optional<Descriptor> subject;
  std::map<std::string, std::string> annotations;
  friend bool operator==(const Index&, const Index&) = default;
};

/// The value of a set written as a JSON object: {"80/tcp": {}}.
struct Empty {
  friend bool operator==(const Empty&, const Empty&) = default;
};
using StringSet = std::map<std::string, Empty>;

/// Docker's health check; durations in nanoseconds, 0 means inherit.
struct Healthcheck {
  std::vector<std::string> test;  ///< {"NONE"}, {"CMD", …} or {"CMD-SHELL", command}
  std::int64_t interval = 0;
  std::int64_t timeout = 0;
  std::int64_t start_period = 0;
  std::int64_t start_interval = 0;
  int retries = 0;
  friend bool operator==(const Healthcheck&, const Healthcheck&) = default;
};

/// How a container of the image runs (config.md, "config", and Docker's additions).
struct ImageRunConfig {
  std::string user;
  StringSet exposed_ports;
  std::vector<std::string> env;
  std::vector<std::string> entrypoint;
  std::vector<std::string> cmd;
  StringSet volumes;
  std::string working_dir;
  std::map<std::string, std::string> labels;
  std::string stop_signal;
  std::optional<Healthcheck> healthcheck;
  std::vector<std::string> on_build;
  std::vector<std::string> shell;
  bool args_escaped = false;
  friend bool operator==(const ImageRunConfig&, const ImageRunConfig&) = default;
};

/// The layers' identities, lowest first.
struct RootFs {
  std::string type = "layers";
  std::vector<Digest> diff_ids;
  friend bool operator==(const RootFs&, const RootFs&) = default;
};

/// One step of how the image came to be.
struct History {
  std::string created;  ///< RFC 3339
  std::string created_by;
  std::string author;
  std::string comment;
  bool empty_layer = false;  ///< changed the config only
  friend bool operator==(const History&, const History&) = default;
};

/// An image config (config.md). Its digest is the image's ID.
struct ImageConfig {
  std::string created;  ///< RFC 3339
  std::string author;
  std::string architecture;
  std::string variant;
  std::string os;
  std::string os_version;
  std::vector<std::string> os_features;
  ImageRunConfig config;
  RootFs rootfs;
  std::vector<History> history;
  friend bool operator==(const ImageConfig&, const ImageConfig&) = default;
};

/// One image of a docker-archive's manifest.json.
struct ArchiveImage {
  std::string config;  ///< path of the config within the archive
  std::vector<std::string> repo_tags;
  std::vector<std::string> layers;  ///< paths, lowest first
  friend bool operator==(const ArchiveImage&, const ArchiveImage&) = default;
};

/// At most this many layers or manifests are accepted in one document.
inline constexpr std::size_t kMaxDescriptors = 1024;

/// Each parses JSON text. Errors: invalid_argument naming every wrong field by its path.
[[nodiscard]] Result<Manifest> parse_manifest(std::string_view json);
[[nodiscard]] Result<Index> parse_index(std::string_view json);
[[nodiscard]] Result<ImageConfig> parse_image_config(std::string_view json);
[[nodiscard]] Result<std::vector<ArchiveImage>> parse_archive_manifest(std::string_view json);
/// The media type of a manifest or index: what it says of itself, else told by its fields. Errors: invalid_argument when it is neither
/// (or Docker's schema 1, which is named).
[[nodiscard]] Result<std::string> detect_media_type(std::string_view json);

/// Compact JSON, members in a fixed order: equal values give equal bytes, hence equal digests.
std::string to_json(const Manifest& manifest);
std::string to_json(const Index& index);
std::string to_json(const ImageConfig& config);
std::string to_json(const std::vector<ArchiveImage>& images);

/// The platform of the machine this was built for.
Platform host_platform();
/// "linux/arm64/v8" taken apart. Errors: invalid_argument.
[[nodiscard]] Result<Platform> parse_platform(std::string_view text);
/// "linux/arm64/v8"
std::string to_string(const Platform& platform);
/// The manifest of an index that suits `wanted` best: os and architecture equal, the variant equal or, for arm, the highest not above the
/// wanted one; attestations ("unknown/unknown") never; an entry without platform last. Errors: not_found, naming what the index has.
[[nodiscard]] Result<Descriptor> select_platform(const Index& index, const Platform& wanted);

}  // namespace fulcrum::oci
