// How `root`, `mounts` and `hooks` travel.
#pragma once

#include "api/oci/mounts.h"
#include "schema/schema.h"

namespace fulcrum::schema {

template <>
struct Schema<oci::Root> {
  static constexpr std::string_view name = "Root";
  static constexpr std::string_view doc = "The container's root file system.";
  static constexpr auto fields = std::tuple{
      required("path", &oci::Root::path, "Absolute, or relative to the bundle."),
      optional("readonly", &oci::Root::readonly, "Mount it read-only."),
  };
};

template <>
struct Schema<oci::IdMapping> {
  static constexpr std::string_view name = "IdMapping";
  static constexpr std::string_view doc = "A range of IDs.";
  static constexpr auto fields = std::tuple{
      always("containerID", &oci::IdMapping::container_id, "First ID in the container."),
      always("hostID", &oci::IdMapping::host_id, "First ID on the host."),
      always("size", &oci::IdMapping::size, "How many."),
  };
};

template <>
struct Schema<oci::Mount> {
  static constexpr std::string_view name = "Mount";
  static constexpr std::string_view doc = "One mount.";
  static constexpr auto fields = std::tuple{
      required("destination", &oci::Mount::destination, "Path in the container."),
      optional("type", &oci::Mount::type, "File system type."),
      optional("source", &oci::Mount::source, "What is mounted."),
      optional("options", &oci::Mount::options, "fstab style options."),
      optional("uidMappings", &oci::Mount::uid_mappings, "User IDs of an idmapped mount."),
      optional("gidMappings", &oci::Mount::gid_mappings, "Group IDs of an idmapped mount."),
  };
};

template <>
struct Schema<oci::Hook> {
  static constexpr std::string_view name = "Hook";
  static constexpr std::string_view doc = "A program run at one moment of the lifecycle.";
  static constexpr auto fields = std::tuple{
      required("path", &oci::Hook::path, "Absolute path."),
      optional("args", &oci::Hook::args, "argv, with argv[0]."),
      optional("env", &oci::Hook::env, "NAME=value pairs."),
      optional("timeout", &oci::Hook::timeout, "Seconds before it is killed."),
  };
};

template <>
struct Schema<oci::Hooks> {
  static constexpr std::string_view name = "Hooks";
  static constexpr std::string_view doc = "Programs run during the lifecycle.";
  static constexpr auto fields = std::tuple{
      optional("prestart", &oci::Hooks::prestart, "Deprecated: before pivot_root, in the runtime's namespaces."),
      optional("createRuntime", &oci::Hooks::create_runtime, "Before pivot_root, in the runtime's namespaces."),
      optional("createContainer", &oci::Hooks::create_container, "Before pivot_root, in the container's namespaces."),
      optional("startContainer", &oci::Hooks::start_container, "Before the process starts, in the container."),
      optional("poststart", &oci::Hooks::poststart, "After the process started."),
      optional("poststop", &oci::Hooks::poststop, "After the container was deleted."),
  };
};

}  // namespace fulcrum::schema
