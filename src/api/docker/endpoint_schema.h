// How a container's places in networks travel.
#pragma once

#include "api/docker/endpoint.h"
#include "schema/schema.h"

namespace fulcrum::schema {

template <>
struct Schema<api::docker::EndpointIpamConfig> {
  using T = api::docker::EndpointIpamConfig;
  static constexpr std::string_view name = "EndpointIPAMConfig";
  static constexpr std::string_view doc = "Wishes for addresses.";
  static constexpr auto fields =
      std::tuple{optional("IPv4Address", &T::ipv4_address, "IPv4."), optional("IPv6Address", &T::ipv6_address, "IPv6."),
                 optional("LinkLocalIPs", &T::link_local_ips, "Refused.")};
};

template <>
struct Schema<api::docker::EndpointSettings> {
  using T = api::docker::EndpointSettings;
  static constexpr std::string_view name = "EndpointSettings";
  static constexpr std::string_view doc = "A container's place in a network.";
  static constexpr auto fields = std::tuple{
      always("IPAMConfig", &T::ipam_config, "Wishes for addresses."),
      always("Links", &T::links, "Refused."),
      always("Aliases", &T::aliases, "Names that resolve to it, as the client gave them."),
      always("MacAddress", &T::mac_address, "MAC address."),
      always("DriverOpts", &T::driver_opts, "Refused."),
      optional("GwPriority", &T::gw_priority, "The highest gives the default route."),
      always("NetworkID", &T::network_id, "The network."),
      always("EndpointID", &T::endpoint_id, "The endpoint; empty while it does not run."),
      always("Gateway", &T::gateway, "IPv4 gateway."),
      always("IPAddress", &T::ip_address, "IPv4 address."),
      always("IPPrefixLen", &T::ip_prefix_len, "Its prefix length."),
      always("IPv6Gateway", &T::ipv6_gateway, "IPv6 gateway."),
      always("GlobalIPv6Address", &T::global_ipv6_address, "IPv6 address."),
      always("GlobalIPv6PrefixLen", &T::global_ipv6_prefix_len, "Its prefix length."),
      always("DNSNames", &T::dns_names, "All names that resolve to it."),
  };
};

template <>
struct Schema<api::docker::NetworkingConfig> {
  using T = api::docker::NetworkingConfig;
  static constexpr std::string_view name = "NetworkingConfig";
  static constexpr std::string_view doc = "The networks that a container joins.";
  static constexpr auto fields = std::tuple{always("EndpointsConfig", &T::endpoints_config, "By name of the network.")};
};

}  // namespace fulcrum::schema
