// How networks travel.
#pragma once

#include "api/docker/endpoint_schema.h"
#include "api/docker/network.h"

namespace fulcrum::schema {

template <>
struct Schema<api::docker::IpamConfig> {
  using T = api::docker::IpamConfig;
  static constexpr std::string_view name = "IPAMConfig";
  static constexpr std::string_view doc = "A subnet.";
  static constexpr auto fields = std::tuple{optional("Subnet", &T::subnet, "CIDR."), optional("IPRange", &T::ip_range, "CIDR within it."),
                                            optional("Gateway", &T::gateway, "Default: the first address."),
                                            optional("AuxiliaryAddresses", &T::auxiliary_addresses, "Addresses never assigned, by name.")};
};
template <>
struct Schema<api::docker::Ipam> {
  using T = api::docker::Ipam;
  static constexpr std::string_view name = "IPAM";
  static constexpr std::string_view doc = "Where addresses come from.";
  static constexpr auto fields = std::tuple{always("Driver", &T::driver, "default."), always("Options", &T::options, "None."),
                                            always("Config", &T::config, "Subnets.")};
};

template <>
struct Schema<api::docker::ConfigReference> {
  using T = api::docker::ConfigReference;
  static constexpr std::string_view name = "ConfigReference";
  static constexpr std::string_view doc = "A network that only configures others.";
  static constexpr auto fields = std::tuple{always("Network", &T::network, "Its name.")};
};

template <>
struct Schema<api::docker::EndpointResource> {
  using T = api::docker::EndpointResource;
  static constexpr std::string_view name = "NetworkContainer";
  static constexpr std::string_view doc = "A container in a network.";
  static constexpr auto fields =
      std::tuple{always("Name", &T::name, "Name of the container."), always("EndpointID", &T::endpoint_id, "Its place's ID."),
                 always("MacAddress", &T::mac_address, "MAC address."), always("IPv4Address", &T::ipv4_address, "With prefix length."),
                 always("IPv6Address", &T::ipv6_address, "With prefix length.")};
};

template <>
struct Schema<api::docker::NetworkResource> {
  using T = api::docker::NetworkResource;
  static constexpr std::string_view name = "Network";
  static constexpr std::string_view doc = "A network.";
  static constexpr auto fields = std::tuple{
      always("Name", &T::name, "Its name."),
      always("Id", &T::id, "64 hex digits."),
      always("Created", &T::created, "When."),
      always("Scope", &T::scope, "local."),
      always("Driver", &T::driver, "bridge, host or null."),
      always("EnableIPv6", &T::enable_ipv6, "It has IPv6 addresses."),
      always("IPAM", &T::ipam, "Where addresses come from."),
      always("Internal", &T::internal, "No way out."),
      always("Attachable", &T::attachable, "As it was declared."),
      always("Ingress", &T::ingress, "Never."),
      always("ConfigFrom", &T::config_from, "None."),
      always("ConfigOnly", &T::config_only, "Never."),
      always("Containers", &T::containers, "Who is in it."),
      always("Options", &T::options, "Options of the driver."),
      always("Labels", &T::labels, "Labels."),
  };
};

template <>
struct Schema<api::docker::NetworkCreate> {
  using T = api::docker::NetworkCreate;
  static constexpr std::string_view name = "NetworkCreate";
  static constexpr std::string_view doc = "A network that is wanted.";
  static constexpr auto fields = std::tuple{
      required("Name", &T::name, "Its name."),
      optional("CheckDuplicate", &T::check_duplicate, "Names are always checked."),
      optional("Driver", &T::driver, "bridge."),
      optional("Scope", &T::scope, "local."),
      optional("EnableIPv4", &T::enable_ipv4, "From 1.48; only true can be had."),
      optional("EnableIPv6", &T::enable_ipv6, "An IPv6 subnet too."),
      optional("IPAM", &T::ipam, "Where addresses come from."),
      optional("Internal", &T::internal, "No way out."),
      optional("Attachable", &T::attachable, "Shown again."),
      optional("Ingress", &T::ingress, "Refused."),
      optional("ConfigOnly", &T::config_only, "Refused."),
      optional("ConfigFrom", &T::config_from, "Refused."),
      optional("Options", &T::options, "Options of the driver."),
      optional("Labels", &T::labels, "Labels."),
  };
};
template <>
struct Schema<api::docker::NetworkCreated> {
  using T = api::docker::NetworkCreated;
  static constexpr std::string_view name = "NetworkCreateResponse";
  static constexpr std::string_view doc = "A network that was made.";
  static constexpr auto fields = std::tuple{always("Id", &T::id, "64 hex digits."), always("Warning", &T::warning, "Empty.")};
};

template <>
struct Schema<api::docker::NetworkConnect> {
  using T = api::docker::NetworkConnect;
  static constexpr std::string_view name = "NetworkConnectRequest";
  static constexpr std::string_view doc = "A container that is to join.";
  static constexpr auto fields =
      std::tuple{required("Container", &T::container, "ID or name."), optional("EndpointConfig", &T::endpoint_config, "Wishes.")};
};
template <>
struct Schema<api::docker::NetworkDisconnect> {
  using T = api::docker::NetworkDisconnect;
  static constexpr std::string_view name = "NetworkDisconnectRequest";
  static constexpr std::string_view doc = "A container that is to leave.";
  static constexpr auto fields =
      std::tuple{required("Container", &T::container, "ID or name."), optional("Force", &T::force, "Absence is success.")};
};

template <>
struct Schema<api::docker::NetworksPruned> {
  using T = api::docker::NetworksPruned;
  static constexpr std::string_view name = "NetworkPruneResponse";
  static constexpr std::string_view doc = "What a prune removed.";
  static constexpr auto fields = std::tuple{always("NetworksDeleted", &T::networks_deleted, "Names.")};
};

}  // namespace fulcrum::schema
