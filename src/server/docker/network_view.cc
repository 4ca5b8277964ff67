#include "server/docker/network_view.h"

#include <algorithm>

#include "base/units.h"
#include "control/lifecycle.h"
#include "control/plan.h"
#include "control/workload/attachments.h"
#include "network/address.h"

namespace fulcrum::server::docker {

namespace wire = api::docker;

namespace {

constexpr std::string_view kMtu = "com.docker.network.driver.mtu";
constexpr std::string_view kUsualMtu = "1500";

/// The engine's own short words under Docker's names.
std::string long_option(const std::string& name) {
  if (name == "icc") return "com.docker.network.bridge.enable_icc";
  if (name == "masquerade") return "com.docker.network.bridge.enable_ip_masquerade";
  if (name == "bridge") return "com.docker.network.bridge.name";
  if (name == "mtu") return std::string(kMtu);
  return name;
}

wire::Words options_of(const api::Network& network) {
  wire::Words options;
  const bool standard = network.spec.name == control::kDefaultNetwork;
  for (const auto& [name, value] : network.spec.options)
    if (standard || name != "mtu" || value != kUsualMtu) options.emplace(long_option(name), value);
  if (!standard) return options;
  options.emplace("com.docker.network.bridge.default_bridge", "true");
  options.emplace("com.docker.network.bridge.enable_icc", "true");
  options.emplace("com.docker.network.bridge.enable_ip_masquerade", "true");
  options.emplace("com.docker.network.bridge.host_binding_ipv4", "0.0.0.0");
  options.emplace("com.docker.network.bridge.name", network.bridge);
  return options;
}

wire::Ipam ipam_of(const api::NetworkSpec& spec) {
  wire::Ipam ipam{.driver = "default", .options = wire::Words{}, .config = {}};
  for (const auto& subnet : spec.subnets) {
    wire::IpamConfig config{.subnet = subnet.subnet, .ip_range = subnet.ip_range, .gateway = subnet.gateway, .auxiliary_addresses = {}};
    if (!subnet.reserved.empty()) config.auxiliary_addresses = subnet.reserved;
    ipam.config.push_back(std::move(config));
  }
  return ipam;
}

wire::EndpointResource endpoint_of(const api::Workload& workload, const api::Network& network) {
  wire::EndpointResource out{.name = workload.spec.name,
                             .endpoint_id = control::endpoint_id(workload.metadata.uid, network.metadata.uid),
                             .mac_address = {},
                             .ipv4_address = {},
                             .ipv6_address = {}};
  for (const auto& place : workload.status.networks) {
    if (place.network != network.spec.name) continue;
    out.mac_address = place.mac;
    if (!place.ip.empty()) out.ipv4_address = fmt::format("{}/{}", place.ip, place.prefix);
    if (!place.ip6.empty()) out.ipv6_address = fmt::format("{}/{}", place.ip6, place.prefix6);
  }
  return out;
}

Result<> check_driver(const std::string& driver) {
  if (driver.empty() || driver == "bridge" || driver == "default") return {};
  if (driver == "host" || driver == "null") return fail(Code::permission_denied, "only one instance of \"{}\" network is allowed", driver);
  if (driver == "overlay")
    return fail(
        Code::permission_denied,
        "This node is not a swarm manager. Use \"docker swarm init\" or \"docker swarm join\" to connect this node to swarm and try "
        "again.");
  return fail(Code::not_found, "plugin \"{}\" not found", driver);
}

/// What the engine does not have.
Result<> check_absent(const wire::NetworkCreate& wish) {
  if (wish.ingress) return fail(Code::unimplemented, "Ingress: networks of a swarm are not supported");
  if (wish.config_only) return fail(Code::unimplemented, "ConfigOnly: networks that only configure others are not supported");
  if (wish.config_from && !wish.config_from->network.empty())
    return fail(Code::unimplemented, "ConfigFrom: networks that only configure others are not supported");
  if (!wish.scope.empty() && wish.scope != "local")
    return fail(Code::invalid_argument, "Scope: \"{}\" networks are not supported; local is", wish.scope);
  if (!wish.enable_ipv4.value_or(true)) return fail(Code::unimplemented, "EnableIPv4: networks without IPv4 are not supported");
  if (!wish.ipam) return {};
  if (!wish.ipam->driver.empty() && wish.ipam->driver != "default")
    return fail(Code::not_found, "IPAM.Driver: plugin \"{}\" not found", wish.ipam->driver);
  if (wish.ipam->options && !wish.ipam->options->empty())
    return fail(Code::invalid_argument, "IPAM.Options: {}: the default driver has no such option", wish.ipam->options->begin()->first);
  return {};
}

Result<> put_subnets(api::NetworkSpec& spec, const wire::NetworkCreate& wish) {
  if (!wish.ipam) return {};
  std::size_t families[2] = {};
  for (const auto& config : wish.ipam->config) {
    if (config == wire::IpamConfig{}) continue;
    if (config.subnet.empty()) return fail(Code::invalid_argument, "invalid network config:\ninvalid subnet: a subnet is required");
    const auto prefix = network::Prefix::parse(config.subnet);
    if (!prefix)
      return fail(Code::invalid_argument, "invalid network config:\ninvalid subnet {}: invalid CIDR block notation", config.subnet);
    if (prefix->network() != *prefix)
      return fail(Code::invalid_argument, "invalid network config:\ninvalid subnet {}: it should be {}", config.subnet,
                  prefix->network().str());
    const bool v4 = prefix->address.is_v4();
    if (!v4 && !wish.enable_ipv6.value_or(false))
      return fail(Code::invalid_argument, "invalid network config:\ninvalid subnet {}: EnableIPv6 is not set", config.subnet);
    if (++families[v4 ? 0 : 1] > 1) return fail(Code::permission_denied, "bridge driver doesn't support multiple subnets");
    spec.subnets.push_back({.subnet = config.subnet,
                            .gateway = config.gateway,
                            .ip_range = config.ip_range,
                            .reserved = config.auxiliary_addresses.value_or(wire::Words{})});
  }
  return {};
}

}  // namespace

std::string network_driver(const api::Network& network) { return network.spec.driver == "none" ? "null" : network.spec.driver; }

bool is_predefined_network(std::string_view engine_name) {
  return engine_name == control::kDefaultNetwork || engine_name == "host" || engine_name == "none";
}

bool is_member(const api::Workload& workload, const api::Network& network) {
  if (!control::is_active(workload.status.phase)) return false;
  if (network.spec.driver != "bridge") return workload.spec.network == network.spec.name;
  const auto& places = workload.status.networks;
  return std::any_of(places.begin(), places.end(), [&](const auto& place) { return place.network == network.spec.name; });
}

wire::NetworkResource network_view(const api::Network& network, const std::vector<api::Workload>* members) {
  const auto& spec = network.spec;
  wire::NetworkResource out{.name = docker_network_name(spec.name),
                            .id = network.metadata.uid,
                            .created = format_time(network.metadata.created),
                            .driver = network_driver(network),
                            .enable_ipv6 = spec.ipv6,
                            .ipam = ipam_of(spec),
                            .internal = spec.internal,
                            .attachable = spec.attachable && !is_predefined_network(spec.name),
                            .config_from = {},
                            .containers = {},
                            .options = options_of(network),
                            .labels = spec.labels};
  if (members == nullptr) return out;
  for (const auto& workload : *members)
    if (is_member(workload, network)) out.containers[workload.metadata.uid] = endpoint_of(workload, network);
  return out;
}

Result<api::NetworkSpec> network_spec(const wire::NetworkCreate& wish) {
  if (wish.name.find_first_not_of(" \t\r\n") == std::string::npos) return fail(Code::invalid_argument, "invalid name: name is empty");
  if (is_predefined_network(engine_network_name(wish.name)))
    return fail(Code::permission_denied, "operation is not permitted on predefined {} network", wish.name);
  TRY(check_driver(wish.driver));
  TRY(check_absent(wish));
  api::NetworkSpec spec{.name = wish.name,
                        .internal = wish.internal,
                        .attachable = wish.attachable,
                        .ipv6 = wish.enable_ipv6.value_or(false),
                        .options = wish.options.value_or(wire::Words{}),
                        .labels = wish.labels.value_or(wire::Words{})};
  TRY(put_subnets(spec, wish));
  return spec;
}

Result<api::NetworkAttachment> network_attachment(const std::string& network, const wire::EndpointSettings& wish) {
  const auto invalid = [](std::string_view what) { return fail(Code::invalid_argument, "invalid endpoint settings:\n{}", what); };
  api::NetworkAttachment out{.name = network, .aliases = wish.aliases.value_or(std::vector<std::string>{}), .mac = wish.mac_address};
  if (wish.links && !wish.links->empty())
    return fail(Code::unimplemented, "Links: are refused: containers of a user-defined network find each other by name");
  if (wish.driver_opts && !wish.driver_opts->empty())
    return fail(Code::unimplemented, "DriverOpts: {}: options of an endpoint are not supported", wish.driver_opts->begin()->first);
  if (wish.ipam_config) {
    if (!wish.ipam_config->link_local_ips.empty()) return fail(Code::unimplemented, "LinkLocalIPs: are not supported");
    out.ip = wish.ipam_config->ipv4_address;
    out.ip6 = wish.ipam_config->ipv6_address;
    for (const auto* address : {&out.ip, &out.ip6})
      if (!address->empty() && !network::IpAddress::parse(*address)) return invalid("invalid IP address: " + *address);
  }
  if (!out.mac.empty() && !network::MacAddress::parse(out.mac)) return fail(Code::invalid_argument, "invalid MAC address: {}", out.mac);
  out.priority = static_cast<std::int32_t>(std::clamp<std::int64_t>(wish.gw_priority, INT32_MIN, INT32_MAX));
  if (network == control::kDefaultNetwork && (!out.ip.empty() || !out.ip6.empty()))
    return invalid("user-specified IP address is supported on user-defined networks only");
  if (network == control::kDefaultNetwork && !out.aliases.empty())
    return invalid("network-scoped aliases are only supported for user-defined networks");
  return out;
}

Result<api::Network> pick_network(const std::vector<api::Network>& networks, std::string_view reference) {
  const auto by_id = std::find_if(networks.begin(), networks.end(), [&](const auto& n) { return n.metadata.uid == reference; });
  if (by_id != networks.end()) return *by_id;
  const auto name = engine_network_name(reference);
  const auto by_name = std::find_if(networks.begin(), networks.end(), [&](const auto& n) { return n.spec.name == name; });
  if (by_name != networks.end()) return *by_name;
  const api::Network* found = nullptr;
  std::size_t matches = 0;
  for (const auto& network : networks)
    if (!reference.empty() && network.metadata.uid.starts_with(reference) && ++matches == 1) found = &network;
  if (matches > 1) return fail(Code::invalid_argument, "network {} is ambiguous ({} matches found based on ID prefix)", reference, matches);
  if (found == nullptr) return fail(Code::not_found, "network {} not found", reference);
  return *found;
}

Result<std::vector<api::Network>> filter_networks(std::vector<api::Network> networks, const Filters& filters,
                                                  const std::vector<api::Workload>& workloads) {
  const auto dangling = TRY(filters.boolean("dangling"));
  for (const auto& type : filters.get("type"))
    if (type != "builtin" && type != "custom") return fail(Code::invalid_argument, "invalid filter: 'type'='{}'", type);
  std::erase_if(networks, [&](const api::Network& network) {
    const bool predefined = is_predefined_network(network.spec.name);
    const bool used = predefined || std::any_of(workloads.begin(), workloads.end(), [&](const auto& w) { return is_member(w, network); });
    return !filters.accepts("driver", network_driver(network)) || !filters.matches("id", network.metadata.uid) ||
           !filters.matches("name", docker_network_name(network.spec.name)) || !filters.labels(network.spec.labels) ||
           !filters.accepts("scope", "local") || !filters.accepts("type", predefined ? "builtin" : "custom") ||
           (dangling && *dangling == used);
  });
  return networks;
}

}  // namespace fulcrum::server::docker
