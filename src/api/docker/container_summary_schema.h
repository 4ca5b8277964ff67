// How a container of a list travels.
#pragma once

#include "api/docker/container_summary.h"
#include "api/docker/endpoint_schema.h"

namespace fulcrum::schema {

template <>
struct Schema<api::docker::Port> {
  using T = api::docker::Port;
  static constexpr std::string_view name = "Port";
  static constexpr std::string_view doc = "An open port.";
  static constexpr auto fields =
      std::tuple{optional("IP", &T::ip, "Host address."), always("PrivatePort", &T::private_port, "Port inside."),
                 optional("PublicPort", &T::public_port, "Port of the host."), always("Type", &T::type, "tcp or udp.")};
};

template <>
struct Schema<api::docker::SummaryHostConfig> {
  using T = api::docker::SummaryHostConfig;
  static constexpr std::string_view name = "SummaryHostConfig";
  static constexpr std::string_view doc = "The part of HostConfig that a list tells.";
  static constexpr auto fields =
      std::tuple{always("NetworkMode", &T::network_mode, "Network mode."), optional("Annotations", &T::annotations, "Annotations.")};
};

template <>
struct Schema<api::docker::SummaryNetworkSettings> {
  using T = api::docker::SummaryNetworkSettings;
  static constexpr std::string_view name = "SummaryNetworkSettings";
  static constexpr std::string_view doc = "The networks of a container.";
  static constexpr auto fields = std::tuple{always("Networks", &T::networks, "By name.")};
};

template <>
struct Schema<api::docker::ContainerSummary> {
  using T = api::docker::ContainerSummary;
  static constexpr std::string_view name = "ContainerSummary";
  static constexpr std::string_view doc = "One container of a list.";
  static constexpr auto fields = std::tuple{
      always("Id", &T::id, "ID."),
      always("Names", &T::names, "Names, each with a slash before it."),
      always("Image", &T::image, "The image as it was asked for; its ID when that name means another image by now."),
      always("ImageID", &T::image_id, "The image's ID."),
      always("Command", &T::command, "What it runs."),
      always("Created", &T::created, "When it was made."),
      always("Ports", &T::ports, "Open ports, while it runs."),
      optional("SizeRw", &T::size_rw, "Bytes that it wrote over its image."),
      optional("SizeRootFs", &T::size_root_fs, "Bytes of its whole file system."),
      always("Labels", &T::labels, "Labels."),
      always("State", &T::state, "created, running, paused, restarting, removing, exited."),
      always("Status", &T::status, "The state for people."),
      always("HostConfig", &T::host_config, "Network mode."),
      always("NetworkSettings", &T::network_settings, "Networks."),
      always("Mounts", &T::mounts, "Mounts."),
  };
};

}  // namespace fulcrum::schema
