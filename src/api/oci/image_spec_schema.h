// How the image structs travel.
#pragma once

#include "api/oci/image_spec.h"
#include "schema/schema.h"

namespace fulcrum::oci::detail {
/// Why the text is no digest, or nothing.
inline std::optional<std::string> digest_problem(const Digest& digest) {
  const auto& text = digest.str();
  const auto colon = text.find(':');
  const auto wanted = text.starts_with("sha256:") ? 64U : text.starts_with("sha512:") ? 128U : 0U;
  if (wanted == 0) return "\"" + text.substr(0, 160) + "\" is not a sha256 or sha512 digest";
  const auto hex = std::string_view(text).substr(colon + 1);
  const bool good = hex.size() == wanted && hex.find_first_not_of("0123456789abcdef") == std::string_view::npos;
  if (!good) return "\"" + text.substr(0, 160) + "\" is not a digest";
  return std::nullopt;
}
inline constexpr auto is_digest = [](const Digest& digest) { return digest_problem(digest); };
inline constexpr auto are_digests = [](const std::vector<Digest>& digests) -> std::optional<std::string> {
  if (digests.size() > kMaxDescriptors) return "more than " + std::to_string(kMaxDescriptors) + " entries";
  for (const auto& digest : digests)
    if (auto problem = digest_problem(digest)) return problem;
  return std::nullopt;
};
inline constexpr auto not_negative = [](std::int64_t value) -> std::optional<std::string> {
  return value < 0 ? std::optional<std::string>("must not be negative") : std::nullopt;
};
inline constexpr auto not_too_many = [](const auto& list) -> std::optional<std::string> {
  return list.size() > kMaxDescriptors ? std::optional<std::string>("more than " + std::to_string(kMaxDescriptors) + " entries")
                                       : std::nullopt;
};
}  // namespace fulcrum::oci::detail

namespace fulcrum::schema {

template <>
struct Codec<oci::Empty> {
  static void decode(Decoder& d, const json::value& v, oci::Empty&) {
    if (!v.is_null()) detail::as_object(d, v);
  }
  static json::value encode(const oci::Empty&) { return json::object(); }
  static json::object describe(Describer&) { return {{"type", "object"}}; }
};

template <>
struct Schema<oci::Platform> {
  static constexpr std::string_view name = "Platform";
  static constexpr std::string_view doc = "The machine an image is for.";
  static constexpr auto fields = std::tuple{
      always("architecture", &oci::Platform::architecture, "CPU architecture in Go's words."),
      always("os", &oci::Platform::os, "Operating system in Go's words."),
      optional("os.version", &oci::Platform::os_version, "Version of the operating system."),
      optional("os.features", &oci::Platform::os_features, "Features the operating system must have."),
      optional("variant", &oci::Platform::variant, "Variant of the CPU, such as v7."),
  };
};

template <>
struct Schema<oci::Descriptor> {
  static constexpr std::string_view name = "Descriptor";
  static constexpr std::string_view doc = "A pointer to content.";
  static constexpr auto fields = std::tuple{
      always("mediaType", &oci::Descriptor::media_type, "What the content is."),
      required("digest", &oci::Descriptor::digest, "Digest of the content.", satisfies(oci::detail::is_digest)),
      required("size", &oci::Descriptor::size, "Bytes of the content.", satisfies(oci::detail::not_negative)),
      optional("urls", &oci::Descriptor::urls, "Where else it can be had."),
      optional("annotations", &oci::Descriptor::annotations, "Notes."),
      optional("data", &oci::Descriptor::data, "The content itself, in base64."),
      optional("platform", &oci::Descriptor::platform, "The machine it is for."),
      optional("artifactType", &oci::Descriptor::artifact_type, "Kind of an artifact."),
  };
};

template <>
struct Schema<oci::Manifest> {
  static constexpr std::string_view name = "Manifest";
  static constexpr std::string_view doc = "An image manifest.";
  static constexpr auto fields = std::tuple{
      required("schemaVersion", &oci::Manifest::schema_version, "2."),
      optional("mediaType", &oci::Manifest::media_type, "What this document is."),
      optional("artifactType", &oci::Manifest::artifact_type, "Kind of an artifact."),
      required("config", &oci::Manifest::config, "The image config."),
      always("layers", &oci::Manifest::layers, "Layers, lowest first.", satisfies(oci::detail::not_too_many)),
      optional("subject", &oci::Manifest::subject, "The manifest this one is about."),
      optional("annotations", &oci::Manifest::annotations, "Notes."),
  };
};

template <>
struct Schema<oci::Index> {
  static constexpr std::string_view name = "Index";
  static constexpr std::string_view doc = "An image index.";
  static constexpr auto fields = std::tuple{
      required("schemaVersion", &oci::Index::schema_version, "2."),
      optional("mediaType", &oci::Index::media_type, "What this document is."),
      optional("artifactType", &oci::Index::artifact_type, "Kind of an artifact."),
      always("manifests", &oci::Index::manifests, "Manifests, one for each platform.", satisfies(oci::detail::not_too_many)),
      optional("subject", &oci::Index::subject, "The manifest this one is about."),
      optional("annotations", &oci::Index::annotations, "Notes."),
  };
};

template <>
struct Schema<oci::Healthcheck> {
  static constexpr std::string_view name = "Healthcheck";
  static constexpr std::string_view doc = "How to tell whether a container is healthy.";
  static constexpr auto fields = std::tuple{
      optional("Test", &oci::Healthcheck::test, "NONE, CMD and arguments, or CMD-SHELL and a command."),
      optional("Interval", &oci::Healthcheck::interval, "Nanoseconds between checks."),
      optional("Timeout", &oci::Healthcheck::timeout, "Nanoseconds a check may take."),
      optional("StartPeriod", &oci::Healthcheck::start_period, "Nanoseconds in which failures do not count."),
      optional("StartInterval", &oci::Healthcheck::start_interval, "Nanoseconds between checks in the start period."),
      optional("Retries", &oci::Healthcheck::retries, "Failures in a row that make it unhealthy."),
  };
};

template <>
struct Schema<oci::ImageRunConfig> {
  static constexpr std::string_view name = "ImageRunConfig";
  static constexpr std::string_view doc = "How a container of the image runs.";
  static constexpr auto fields = std::tuple{
      optional("User", &oci::ImageRunConfig::user, "user[:group]."),
      optional("ExposedPorts", &oci::ImageRunConfig::exposed_ports, "port/protocol."),
      optional("Env", &oci::ImageRunConfig::env, "NAME=value."),
      optional("Entrypoint", &oci::ImageRunConfig::entrypoint, "What always runs."),
      optional("Cmd", &oci::ImageRunConfig::cmd, "Arguments, or the command when there is no entrypoint."),
      optional("Volumes", &oci::ImageRunConfig::volumes, "Folders that are to be volumes."),
      optional("WorkingDir", &oci::ImageRunConfig::working_dir, "Where the command starts."),
      optional("Labels", &oci::ImageRunConfig::labels, "Notes."),
      optional("StopSignal", &oci::ImageRunConfig::stop_signal, "The signal that stops it."),
      optional("Healthcheck", &oci::ImageRunConfig::healthcheck, "How to tell whether it is healthy."),
      optional("OnBuild", &oci::ImageRunConfig::on_build, "Instructions for builds upon this image."),
      optional("Shell", &oci::ImageRunConfig::shell, "The shell of shell-form instructions."),
      optional("ArgsEscaped", &oci::ImageRunConfig::args_escaped, "Windows only."),
  };
};

template <>
struct Schema<oci::RootFs> {
  static constexpr std::string_view name = "RootFs";
  static constexpr std::string_view doc = "The layers' identities.";
  static constexpr auto fields = std::tuple{
      always("type", &oci::RootFs::type, "layers.", one_of("layers")),
      always("diff_ids", &oci::RootFs::diff_ids, "Digests of the uncompressed layers, lowest first.", satisfies(oci::detail::are_digests)),
  };
};

template <>
struct Schema<oci::History> {
  static constexpr std::string_view name = "History";
  static constexpr std::string_view doc = "One step of how the image came to be.";
  static constexpr auto fields = std::tuple{
      optional("created", &oci::History::created, "When, RFC 3339."),
      optional("created_by", &oci::History::created_by, "By which command."),
      optional("author", &oci::History::author, "By whom."),
      optional("comment", &oci::History::comment, "A note."),
      optional("empty_layer", &oci::History::empty_layer, "Made no layer."),
  };
};

template <>
struct Schema<oci::ImageConfig> {
  static constexpr std::string_view name = "ImageConfig";
  static constexpr std::string_view doc = "An image config.";
  static constexpr auto fields = std::tuple{
      optional("created", &oci::ImageConfig::created, "When, RFC 3339."),
      optional("author", &oci::ImageConfig::author, "By whom."),
      always("architecture", &oci::ImageConfig::architecture, "CPU architecture in Go's words."),
      optional("variant", &oci::ImageConfig::variant, "Variant of the CPU."),
      always("os", &oci::ImageConfig::os, "Operating system in Go's words."),
      optional("os.version", &oci::ImageConfig::os_version, "Version of the operating system."),
      optional("os.features", &oci::ImageConfig::os_features, "Features the operating system must have."),
      optional("config", &oci::ImageConfig::config, "How a container of the image runs."),
      required("rootfs", &oci::ImageConfig::rootfs, "The layers' identities."),
      optional("history", &oci::ImageConfig::history, "How the image came to be."),
  };
};

template <>
struct Schema<oci::ArchiveImage> {
  static constexpr std::string_view name = "ArchiveImage";
  static constexpr std::string_view doc = "One image of a docker-archive.";
  static constexpr auto fields = std::tuple{
      required("Config", &oci::ArchiveImage::config, "Path of the config."),
      always("RepoTags", &oci::ArchiveImage::repo_tags, "Names."),
      always("Layers", &oci::ArchiveImage::layers, "Paths of the layers, lowest first.", satisfies(oci::detail::not_too_many)),
  };
};

}  // namespace fulcrum::schema
