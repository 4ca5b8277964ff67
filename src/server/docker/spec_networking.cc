// Networks, names and ports.
#include <algorithm>
#include <charconv>

#include "base/words.h"
#include "control/plan.h"
#include "network/address.h"
#include "server/docker/spec_parts.h"
#include "server/docker/support.h"

namespace fulcrum::server::docker {

namespace {

using api::docker::EndpointSettings;

constexpr ApiVersion kSeveralNetworks{1, 44};

bool is_special(std::string_view mode) { return mode == "host" || mode == "none" || mode.starts_with("container:"); }

std::optional<std::uint16_t> number(std::string_view text) {
  std::uint16_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || text.empty()) return std::nullopt;
  return value;
}

/// "80/tcp", "80".
Result<std::pair<std::uint16_t, std::string>> container_port(const std::string& text) {
  const auto slash = text.find('/');
  const auto port = number(std::string_view(text).substr(0, slash));
  const auto protocol = slash == std::string::npos ? std::string("tcp") : text.substr(slash + 1);
  if (protocol == "sctp") return refused("invalid port specification: \"{}\": protocol sctp is not supported", text);
  if (!port || *port == 0 || (protocol != "tcp" && protocol != "udp")) return invalid("invalid port specification: \"{}\"", text);
  return std::pair(*port, protocol);
}

Result<> put_ports(SpecWork& work) {
  const auto& host = work.host();
  for (const auto& [text, bindings] : host.port_bindings) {
    const auto [port, protocol] = TRY(container_port(text));
    auto list = bindings.value_or(std::vector<api::docker::PortBinding>{});
    if (list.empty()) list.emplace_back();  // as Docker reads it: published somewhere
    for (const auto& binding : list) {
      api::PortMapping mapping{.host_ip = binding.host_ip, .port = port, .protocol = protocol};
      if (!binding.host_ip.empty() && !network::IpAddress::parse(binding.host_ip))
        return invalid("invalid port specification: \"{}\" is not an address", binding.host_ip);
      if (binding.host_port.find('-') != std::string::npos)
        return refused("PortBindings: {}: one of a range of host ports ({}) cannot be chosen; name one, or none", text, binding.host_port);
      const auto wish = binding.host_port.empty() ? std::optional<std::uint16_t>(std::uint16_t{0}) : number(binding.host_port);
      if (!wish) return invalid("invalid port specification: \"{}\"", binding.host_port);
      mapping.host_port = *wish;
      work.spec.ports.push_back(std::move(mapping));
    }
  }
  work.spec.publish_all = host.publish_all_ports;
  if (!work.config().exposed_ports) return {};
  for (const auto& [text, unused] : *work.config().exposed_ports) {
    const auto [port, protocol] = TRY(container_port(text));
    work.spec.expose.push_back(fmt::format("{}/{}", port, protocol));
  }
  return {};
}

Result<api::NetworkAttachment> attachment(const std::string& name, const EndpointSettings& given) {
  api::NetworkAttachment out{.name = name, .aliases = given.aliases.value_or(std::vector<std::string>{}), .mac = given.mac_address};
  if (given.links && !given.links->empty())
    return refused("Links: are refused: containers of a user-defined network find each other by name");
  if (given.driver_opts && !given.driver_opts->empty())
    return refused("DriverOpts: {}: options of an endpoint are not supported", given.driver_opts->begin()->first);
  if (given.ipam_config) {
    const auto& wish = *given.ipam_config;
    if (!wish.link_local_ips.empty()) return refused("LinkLocalIPs: are not supported");
    for (const auto* address : {&wish.ipv4_address, &wish.ipv6_address})
      if (!address->empty() && !network::IpAddress::parse(*address))
        return invalid("invalid endpoint settings:\ninvalid IP address: {}", *address);
    out.ip = wish.ipv4_address;
    out.ip6 = wish.ipv6_address;
  }
  if (!out.mac.empty() && !network::MacAddress::parse(out.mac)) return invalid("invalid MAC address: {}", out.mac);
  out.priority = static_cast<std::int32_t>(std::clamp<std::int64_t>(given.gw_priority, INT32_MIN, INT32_MAX));
  if (name == control::kDefaultNetwork && (!out.ip.empty() || !out.ip6.empty()))
    return invalid("invalid endpoint settings:\nuser-specified IP address is supported on user-defined networks only");
  if (name == control::kDefaultNetwork && !out.aliases.empty())
    return invalid("invalid endpoint settings:\nnetwork-scoped aliases are only supported for user-defined networks");
  return out;
}

/// The engine's name for what a client calls a network; as it is when there is none, which is missed when it starts.
std::string network_name(const std::string& given, const SpecWork& work) {
  const auto name = engine_network_name(given);
  if (name == control::kDefaultNetwork) return name;
  return work.around.network(name).value_or(name);
}

/// Config.MacAddress is the address in the first network.
Result<> put_mac(SpecWork& work, const std::string& mode) {
  const auto& mac = work.config().mac_address;
  if (mac.empty()) return {};
  if (is_special(mode)) return invalid("conflicting options: mac-address and the network mode");
  if (!network::MacAddress::parse(mac)) return invalid("invalid MAC address: {}", mac);
  auto& networks = work.spec.networks;
  const auto name = network_name(mode, work);
  auto found = std::find_if(networks.begin(), networks.end(), [&](const auto& n) { return n.name == name; });
  if (found == networks.end()) found = networks.insert(networks.begin(), api::NetworkAttachment{.name = name});
  if (!found->mac.empty() && found->mac != mac)
    return invalid("the container-wide MAC address must match the endpoint-specific MAC address for the main network, or be left empty");
  found->mac = mac;
  if (work.request.version >= kSeveralNetworks)
    work.warnings.emplace_back("The container-wide MacAddress field is now deprecated. It should be specified in EndpointsConfig instead.");
  return {};
}

Result<> put_networks(SpecWork& work, const std::string& mode) {
  const auto& endpoints = work.request.body.networking_config.endpoints_config;
  if (endpoints.size() > 1 && work.request.version < kSeveralNetworks) {
    std::string names;
    for (const auto& [name, unused] : endpoints) names += (names.empty() ? "" : ", ") + name;
    return invalid("Container cannot be created with multiple network endpoints: {}", names);
  }
  auto& networks = work.spec.networks;
  for (const auto& [name, settings] : endpoints) {
    const auto given = settings.value_or(EndpointSettings{});
    if (is_special(name) || is_special(mode)) {
      if (name == mode) continue;
      return invalid("conflicting options: network {} and network mode {}", name, mode);
    }
    networks.push_back(TRY(attachment(network_name(name, work), given)));
  }
  if (is_special(mode)) {
    work.spec.network = pinned(mode, work.around);
    return put_mac(work, mode);
  }
  const auto first = network_name(mode, work);
  const auto found = std::find_if(networks.begin(), networks.end(), [&](const auto& n) { return n.name == first; });
  if (found != networks.end()) {
    std::rotate(networks.begin(), found, found + 1);
  } else {
    networks.insert(networks.begin(), api::NetworkAttachment{.name = first});
  }
  TRY(put_mac(work, mode));
  if (networks.size() == 1 && networks.front() == api::NetworkAttachment{.name = std::string(control::kDefaultNetwork)}) networks.clear();
  return {};
}

Result<> check_shared_network(const SpecWork& work) {
  const auto& host = work.host();
  if (!work.config().hostname.empty()) return invalid("conflicting options: hostname and the network mode");
  if (!host.dns.empty()) return invalid("conflicting options: dns and the network mode");
  if (!host.extra_hosts.empty()) return invalid("conflicting options: custom host-to-IP mapping and the network mode");
  if (!host.port_bindings.empty() || host.publish_all_ports)
    return invalid("conflicting options: port publishing and the container type network mode");
  if (work.config().exposed_ports && !work.config().exposed_ports->empty())
    return invalid("conflicting options: port exposing and the container type network mode");
  return {};
}

Result<> put_names(SpecWork& work) {
  const auto& host = work.host();
  auto& spec = work.spec;
  for (const auto& server : host.dns)
    if (!network::IpAddress::parse(server)) return invalid("invalid DNS server: {} is not an IP address", server);
  spec.dns = host.dns;
  spec.dns_search = host.dns_search;
  spec.dns_options = host.dns_options;
  for (const auto& text : host.extra_hosts) {
    const auto colon = text.find_first_of(":=");
    if (colon == std::string::npos || colon == 0) return invalid("bad format for add-host: \"{}\"", text);
    auto address = text.substr(colon + 1);
    if (address.starts_with('[') && address.ends_with(']')) address = address.substr(1, address.size() - 2);
    if (address != "host-gateway" && !network::IpAddress::parse(address)) return invalid("invalid IP address in add-host: \"{}\"", address);
    const auto [entry, fresh] = spec.extra_hosts.emplace(text.substr(0, colon), address);
    if (!fresh && entry->second != address) return refused("ExtraHosts: {} has two addresses; only one is supported", entry->first);
  }
  return {};
}

}  // namespace

std::string wanted_mode(const api::docker::HostConfig& host) {
  return host.network_mode.empty() || host.network_mode == "default" ? std::string("bridge") : host.network_mode;
}

Result<> put_networking(SpecWork& work) {
  const auto& host = work.host();
  auto& spec = work.spec;
  if (!host.links.empty())
    return refused("Links: are refused: containers of a user-defined network find each other by name (\"{}\")", host.links.front());
  const auto mode = work.config().network_disabled ? std::string("none") : wanted_mode(host);
  const bool shared = mode.starts_with("container:");
  if (mode == "container:") return invalid("Invalid network mode: invalid container format container:<name|id>");
  if (shared) TRY(check_shared_network(work));
  if (host.uts_mode == "host" && !work.config().hostname.empty()) return invalid("conflicting options: hostname and the UTS mode");
  TRY(put_ports(work));
  TRY(put_networks(work, mode));
  TRY(put_names(work));
  if (mode == "host" && !spec.ports.empty()) work.warnings.emplace_back("Published ports are discarded when using host network mode");
  if (spec.hostname.empty() && host.uts_mode != "host" && mode != "host" && !shared) spec.hostname = work.request.short_id;
  return {};
}

}  // namespace fulcrum::server::docker
