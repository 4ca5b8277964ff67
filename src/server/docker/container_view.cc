#include "server/docker/container_view.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <set>

#include "control/objects.h"
#include "control/plan.h"
#include "control/workload/attachments.h"
#include "server/docker/support.h"

namespace fulcrum::server::docker {

using api::docker::EndpointSettings;
using api::docker::MountPoint;
using api::docker::Port;

std::map<std::string, std::string> container_labels(const api::WorkloadSpec& spec, const oci::ImageRunConfig& image) {
  auto labels = spec.labels;
  labels.insert(image.labels.begin(), image.labels.end());
  return labels;
}

std::string command_text(const std::vector<std::string>& words) {
  std::string text;
  for (const auto& word : words) {
    const bool quoted = !text.empty() && word.find(' ') != std::string::npos;
    text += fmt::format("{}{}{}{}", text.empty() ? "" : " ", quoted ? "'" : "", word, quoted ? "'" : "");
  }
  return text;
}

std::vector<MountPoint> mount_points(const api::WorkloadStatus& status) {
  std::vector<MountPoint> points;
  points.reserve(status.mounts.size());
  for (const auto& mount : status.mounts)
    points.push_back({.type = mount.type,
                      .name = mount.name,
                      .source = mount.source,
                      .destination = mount.target,
                      .driver = mount.driver,
                      .mode = mount.read_only ? "ro" : "",
                      .rw = !mount.read_only,
                      .propagation = mount.type == "bind" && mount.propagation.empty() ? "rprivate" : mount.propagation});
  return points;
}

std::string network_mode(const api::WorkloadSpec& spec) {
  const auto names = control::wanted_networks(spec);
  return names.empty() ? spec.network : docker_network_name(names.front());
}

namespace {

/// On user-defined networks: the container's name, the aliases that it was given, its short ID, its host name.
std::vector<std::string> dns_names(const api::Workload& container, const std::vector<std::string>& aliases) {
  std::vector<std::string> names{container.spec.name};
  const auto add = [&](const std::string& name) {
    if (!name.empty() && std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
  };
  for (const auto& alias : aliases) add(alias);
  add(control::short_id(container.metadata.uid));
  add(control::host_name(container));
  return names;
}

}  // namespace

std::map<std::string, EndpointSettings> container_endpoints(const api::Workload& container, const NetworkIds& ids) {
  std::map<std::string, EndpointSettings> endpoints;
  if (container.spec.network == "none" || container.spec.network == "host") endpoints[container.spec.network];
  for (const auto& name : control::wanted_networks(container.spec)) {
    auto& endpoint = endpoints[docker_network_name(name)];
    if (const auto id = ids.find(name); id != ids.end()) endpoint.network_id = id->second;
    const auto& wishes = container.spec.networks;
    const auto wish = std::find_if(wishes.begin(), wishes.end(), [&](const auto& w) { return w.name == name; });
    if (wish != wishes.end() && !wish->aliases.empty()) endpoint.aliases = wish->aliases;
  }
  for (const auto& have : container.status.networks) {
    auto& endpoint = endpoints[docker_network_name(have.network)];
    if (endpoint.network_id.empty()) endpoint.network_id = have.network_id;
    endpoint.endpoint_id = have.endpoint_id;
    endpoint.mac_address = have.mac;
    endpoint.gateway = have.gateway;
    endpoint.ip_address = have.ip;
    endpoint.ip_prefix_len = have.prefix;
    endpoint.ipv6_gateway = have.gateway6;
    endpoint.global_ipv6_address = have.ip6;
    endpoint.global_ipv6_prefix_len = have.prefix6;
  }
  for (const auto& wish : container.spec.networks) {
    auto& endpoint = endpoints[docker_network_name(wish.name)];
    if (!wish.ip.empty() || !wish.ip6.empty())
      endpoint.ipam_config = api::docker::EndpointIpamConfig{.ipv4_address = wish.ip, .ipv6_address = wish.ip6, .link_local_ips = {}};
    if (endpoint.mac_address.empty()) endpoint.mac_address = wish.mac;
    if (wish.name != control::kDefaultNetwork) endpoint.dns_names = dns_names(container, wish.aliases);
  }
  for (auto& [name, endpoint] : endpoints) {  // the published description knows no null here
    endpoint.links.emplace();
    if (!endpoint.dns_names) endpoint.dns_names.emplace();
    if (!endpoint.aliases) endpoint.aliases.emplace();
  }
  return endpoints;
}

namespace {

/// "80/tcp" or "80".
std::optional<Port> exposed_port(std::string_view text) {
  Port port;
  const auto slash = text.find('/');
  if (slash != std::string_view::npos) port.type = text.substr(slash + 1);
  const auto number = text.substr(0, slash);
  const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), port.private_port);
  if (error != std::errc() || end != number.data() + number.size()) return std::nullopt;
  return port;
}

}  // namespace

std::vector<Port> container_ports(const api::Workload& container, const oci::ImageRunConfig& image) {
  std::set<Port> ports;
  std::set<std::pair<std::uint16_t, std::string>> published;
  for (const auto& mapping : container.status.ports)
    for (std::uint16_t i = 0; i < mapping.count; ++i) {
      Port port{.ip = mapping.host_ip,
                .private_port = static_cast<std::uint16_t>(mapping.port + i),
                .public_port = static_cast<std::uint16_t>(mapping.host_port + i),
                .type = mapping.protocol};
      published.emplace(port.private_port, port.type);
      if (port.ip.empty()) {
        port.ip = "::";
        ports.insert(port);
        port.ip = "0.0.0.0";
      }
      ports.insert(std::move(port));
    }
  const auto expose = [&](std::string_view text) {
    auto port = exposed_port(text);
    if (port && !published.contains({port->private_port, port->type})) ports.insert(std::move(*port));
  };
  for (const auto& text : container.spec.expose) expose(text);
  for (const auto& [text, unused] : image.exposed_ports) expose(text);
  return {ports.begin(), ports.end()};
}

}  // namespace fulcrum::server::docker
