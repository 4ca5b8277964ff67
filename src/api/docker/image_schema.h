// How the image structs travel.
#pragma once

#include "api/docker/image.h"
#include "api/oci/image_spec_schema.h"
#include "schema/schema.h"

namespace fulcrum::schema {

template <>
struct Schema<api::docker::ImageSummary> {
  using T = api::docker::ImageSummary;
  static constexpr std::string_view name = "ImageSummary";
  static constexpr std::string_view doc = "An image in a list.";
  static constexpr auto fields = std::tuple{
      always("Containers", &T::containers, "How many containers were made of it; -1: not counted."),
      always("Created", &T::created, "Seconds since the epoch."),
      always("Id", &T::id, "Digest of its config."),
      always("Labels", &T::labels, "Its labels, or null."),
      always("ParentId", &T::parent_id, "The image that it was made from, when it was made here."),
      always("RepoDigests", &T::repo_digests, "repository@digest by which it was fetched."),
      always("RepoTags", &T::repo_tags, "Its names."),
      always("SharedSize", &T::shared_size, "Bytes of layers that other images have, too; -1: not counted."),
      always("Size", &T::size, "Bytes of its layers."),
      optional("VirtualSize", &T::virtual_size, "The same as Size, before 1.44."),
  };
};

template <>
struct Schema<api::docker::ImageConfig> {
  using T = api::docker::ImageConfig;
  static constexpr std::string_view name = "ImageConfig";
  static constexpr std::string_view doc = "How a container of the image runs.";
  static constexpr auto fields = std::tuple{
      always("Hostname", &T::hostname, "Not of an image."),
      always("Domainname", &T::domainname, "Not of an image."),
      always("User", &T::user, "user[:group]."),
      always("AttachStdin", &T::attach_stdin, "Not of an image."),
      always("AttachStdout", &T::attach_stdout, "Not of an image."),
      always("AttachStderr", &T::attach_stderr, "Not of an image."),
      optional("ExposedPorts", &T::exposed_ports, "port/protocol."),
      always("Tty", &T::tty, "Not of an image."),
      always("OpenStdin", &T::open_stdin, "Not of an image."),
      always("StdinOnce", &T::stdin_once, "Not of an image."),
      always("Env", &T::env, "NAME=value."),
      always("Cmd", &T::cmd, "Arguments, or the command when there is no entrypoint."),
      optional("Healthcheck", &T::healthcheck, "How to tell whether it is healthy."),
      optional("ArgsEscaped", &T::args_escaped, "Windows only."),
      always("Image", &T::image, "Not of an image."),
      always("Volumes", &T::volumes, "Folders that are to be volumes."),
      always("WorkingDir", &T::working_dir, "Where the command starts."),
      always("Entrypoint", &T::entrypoint, "What always runs."),
      always("OnBuild", &T::on_build, "Instructions for builds upon this image."),
      always("Labels", &T::labels, "Notes."),
      optional("StopSignal", &T::stop_signal, "The signal that stops it."),
      optional("Shell", &T::shell, "The shell of shell-form instructions."),
  };
};

template <>
struct Schema<api::docker::GraphDriver> {
  using T = api::docker::GraphDriver;
  static constexpr std::string_view name = "GraphDriver";
  static constexpr std::string_view doc = "Where the layers lie.";
  static constexpr auto fields = std::tuple{
      always("Data", &T::data, "Folders, top-most first."),
      always("Name", &T::name, "overlay2."),
  };
};

template <>
struct Schema<api::docker::ImageRootFs> {
  using T = api::docker::ImageRootFs;
  static constexpr std::string_view name = "ImageRootFS";
  static constexpr std::string_view doc = "The layers' identities.";
  static constexpr auto fields = std::tuple{
      always("Type", &T::type, "layers."),
      optional("Layers", &T::layers, "Digests of the uncompressed layers, lowest first."),
  };
};

template <>
struct Schema<api::docker::ImageMetadata> {
  using T = api::docker::ImageMetadata;
  static constexpr std::string_view name = "ImageMetadata";
  static constexpr std::string_view doc = "What is known here alone.";
  static constexpr auto fields = std::tuple{
      always("LastTagTime", &T::last_tag_time, "When a name was last given to it; the zero time: never."),
  };
};

template <>
struct Schema<api::docker::ImageInspect> {
  using T = api::docker::ImageInspect;
  static constexpr std::string_view name = "ImageInspect";
  static constexpr std::string_view doc = "An image.";
  static constexpr auto fields = std::tuple{
      always("Id", &T::id, "Digest of its config."),
      always("RepoTags", &T::repo_tags, "Its names."),
      always("RepoDigests", &T::repo_digests, "repository@digest by which it was fetched."),
      always("Parent", &T::parent, "The image that it was made from, when it was made here."),
      always("Comment", &T::comment, "The note of its last step."),
      optional("Created", &T::created, "When, RFC 3339."),
      optional("Container", &T::container, "Before 1.45."),
      optional("ContainerConfig", &T::container_config, "Before 1.45."),
      always("DockerVersion", &T::docker_version, "Which Docker made it, when its config says so."),
      always("Author", &T::author, "By whom."),
      always("Config", &T::config, "How a container of the image runs."),
      always("Architecture", &T::architecture, "CPU architecture in Go's words."),
      optional("Variant", &T::variant, "Variant of the CPU."),
      always("Os", &T::os, "Operating system in Go's words."),
      optional("OsVersion", &T::os_version, "Version of the operating system."),
      always("Size", &T::size, "Bytes of its layers."),
      optional("VirtualSize", &T::virtual_size, "The same as Size, before 1.44."),
      always("GraphDriver", &T::graph_driver, "Where the layers lie."),
      always("RootFS", &T::root_fs, "The layers' identities."),
      always("Metadata", &T::metadata, "What is known here alone."),
  };
};

template <>
struct Schema<api::docker::ImageHistoryItem> {
  using T = api::docker::ImageHistoryItem;
  static constexpr std::string_view name = "ImageHistoryItem";
  static constexpr std::string_view doc = "One step of how an image came to be.";
  static constexpr auto fields = std::tuple{
      always("Comment", &T::comment, "A note."),
      always("Created", &T::created, "Seconds since the epoch."),
      always("CreatedBy", &T::created_by, "By which command."),
      always("Id", &T::id, "The image after this step, or <missing>."),
      always("Size", &T::size, "Bytes of its layer."),
      always("Tags", &T::tags, "Names of the image after this step, or null."),
  };
};

template <>
struct Schema<api::docker::ImageDelete> {
  using T = api::docker::ImageDelete;
  static constexpr std::string_view name = "ImageDeleteResponseItem";
  static constexpr std::string_view doc = "One step of a removal.";
  static constexpr auto fields = std::tuple{
      optional("Untagged", &T::untagged, "A name that was taken away."),
      optional("Deleted", &T::deleted, "An image or layer that went."),
  };
};

template <>
struct Schema<api::docker::ImagePrune> {
  using T = api::docker::ImagePrune;
  static constexpr std::string_view name = "ImagePruneResponse";
  static constexpr std::string_view doc = "What a prune took.";
  static constexpr auto fields = std::tuple{
      always("ImagesDeleted", &T::images_deleted, "Each step, or null."),
      always("SpaceReclaimed", &T::space_reclaimed, "Bytes freed on disk."),
  };
};

template <>
struct Schema<api::docker::DistributionInspect> {
  using T = api::docker::DistributionInspect;
  static constexpr std::string_view name = "DistributionInspect";
  static constexpr std::string_view doc = "What a registry has under a name.";
  static constexpr auto fields = std::tuple{
      always("Descriptor", &T::descriptor, "Its manifest or index."),
      always("Platforms", &T::platforms, "For which machines."),
  };
};

template <>
struct Schema<api::docker::CreatedId> {
  using T = api::docker::CreatedId;
  static constexpr std::string_view name = "IdResponse";
  static constexpr std::string_view doc = "The ID of what was made.";
  static constexpr auto fields = std::tuple{always("Id", &T::id, "The ID.")};
};

}  // namespace fulcrum::schema
