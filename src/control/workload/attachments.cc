#include "control/workload/attachments.h"

#include <unistd.h>

#include <algorithm>

#include "base/scope_exit.h"
#include "base/sys.h"
#include "base/words.h"
#include "control/plan.h"
#include "image/digest.h"
#include "network/files.h"

namespace fulcrum::control {

namespace {

constexpr std::size_t kMaxPorts = 4096;  // published by one workload

Result<network::PortSpec> port_spec(const api::PortMapping& port) {
  if (port.count == 0) return fail(Code::invalid_argument, "ports: a range of no ports");
  network::PortSpec spec{.host_first = port.host_port,
                         .host_last = port.host_port == 0 ? std::uint16_t{0} : static_cast<std::uint16_t>(port.host_port + port.count - 1),
                         .first = port.port,
                         .last = static_cast<std::uint16_t>(port.port + port.count - 1),
                         .protocol = port.protocol == "udp" ? network::Protocol::udp : network::Protocol::tcp};
  if (!port.host_ip.empty()) spec.host_ip = TRY(network::IpAddress::parse(port.host_ip), "ports");
  return spec;
}

/// "80/tcp", "8000-8010", as in expose and in an image's ExposedPorts.
Result<> add_exposed(std::vector<network::PortSpec>& ports, const std::string& text) {
  auto spec = TRY(network::PortSpec::parse(text), "expose");
  spec.host_first = spec.host_last = 0;
  const bool published = std::any_of(ports.begin(), ports.end(), [&](const auto& p) {
    return p.protocol == spec.protocol && p.first <= spec.first && p.last >= spec.last;
  });
  if (!published) ports.push_back(spec);
  return {};
}

Result<std::vector<network::PortSpec>> wanted_ports(const api::WorkloadSpec& spec, const oci::ImageConfig& image) {
  std::vector<network::PortSpec> ports;
  if (spec.ports.size() > kMaxPorts) return fail(Code::invalid_argument, "ports: more than {}", kMaxPorts);
  for (const auto& port : spec.ports) ports.push_back(TRY(port_spec(port)));
  if (!spec.publish_all) return ports;
  for (const auto& text : spec.expose) TRY(add_exposed(ports, text));
  for (const auto& [text, unused] : image.config.exposed_ports) TRY(add_exposed(ports, text));
  return ports;
}

const api::NetworkAttachment* attachment(const api::WorkloadSpec& spec, const std::string& network) {
  const auto it = std::find_if(spec.networks.begin(), spec.networks.end(), [&](const auto& n) { return n.name == network; });
  return it == spec.networks.end() ? nullptr : &*it;
}

/// The networks in the order in which they are joined: highest priority first, since the first gives default route and ports.
std::vector<std::string> by_priority(const api::WorkloadSpec& spec) {
  auto names = wanted_networks(spec);
  const auto priority = [&](const std::string& name) {
    const auto* found = attachment(spec, name);
    return found == nullptr ? 0 : found->priority;
  };
  std::stable_sort(names.begin(), names.end(), [&](const auto& a, const auto& b) { return priority(a) > priority(b); });
  return names;
}

Result<network::AttachRequest> attach_request(const api::Workload& workload, const std::string& name) {
  network::AttachRequest request{.workload = WorkloadId(workload.metadata.uid), .network = name};
  request.names = {workload.spec.name, short_id(workload.metadata.uid)};
  if (const auto host = host_name(workload); host != workload.spec.name) request.names.push_back(host);
  if (const auto* wish = attachment(workload.spec, name)) {
    if (!wish->ip.empty()) request.ipv4 = TRY(network::IpAddress::parse(wish->ip), "networks: {}", name);
    if (!wish->ip6.empty()) request.ipv6 = TRY(network::IpAddress::parse(wish->ip6), "networks: {}", name);
    if (!wish->mac.empty()) request.mac = TRY(network::MacAddress::parse(wish->mac), "networks: {}", name);
    request.services = wish->aliases;
  }
  return request;
}

api::EndpointStatus endpoint_status(const network::Endpoint& endpoint) {
  api::EndpointStatus status{
      .network = endpoint.network, .interface = endpoint.ifname, .mac = endpoint.mac.str(), .aliases = endpoint.services};
  for (const auto& address : endpoint.addresses) {
    (address.address.is_v4() ? status.ip : status.ip6) = address.address.str();
    (address.address.is_v4() ? status.prefix : status.prefix6) = address.length;
  }
  for (const auto& gateway : endpoint.gateways) (gateway.is_v4() ? status.gateway : status.gateway6) = gateway.str();
  return status;
}

api::Event network_event(const Parts& parts, std::string action, const api::EndpointStatus& place, const api::Workload& workload) {
  return parts.objects.event("network", std::move(action), place.network_id, place.network,
                             {{"type", "bridge"}, {"workload", workload.spec.name}, {"workloadId", workload.metadata.uid}});
}

void add_ports(std::vector<api::PortMapping>& ports, const network::Endpoint& endpoint) {
  for (const auto& port : endpoint.ports)
    ports.push_back({.host_ip = port.host_ip ? port.host_ip->str() : std::string(),
                     .host_port = port.host_port,
                     .port = port.container_port,
                     .protocol = std::string(network::to_string(port.protocol))});
}

}  // namespace

std::string host_name(const api::Workload& workload) {
  if (!workload.spec.hostname.empty()) return workload.spec.hostname;
  std::string name = workload.spec.name.substr(0, 63);
  std::replace(name.begin(), name.end(), '_', '-');
  while (!name.empty() && (name.back() == '-' || name.back() == '.')) name.pop_back();
  return name.empty() ? short_id(workload.metadata.uid) : name;
}

Result<std::vector<network::Endpoint>> reserve_endpoints(const Parts& parts, const api::Workload& workload, const oci::ImageConfig& image) {
  const WorkloadId id(workload.metadata.uid);
  auto endpoints = parts.networks.endpoints(id);
  std::vector<std::string> reserved;
  ScopeExit undo([&] {
    for (const auto& name : reserved) (void)parts.networks.detach(id, name);
  });
  // Ports are published once: where the first network with a way in is joined.
  bool publishes = endpoints.empty();
  const auto names = by_priority(workload.spec);
  for (const auto& name : names) {
    if (std::any_of(endpoints.begin(), endpoints.end(), [&](const auto& e) { return e.network == name; })) continue;
    const auto network = TRY(ensure_network(parts, name));
    auto request = TRY(attach_request(workload, name));
    if (publishes && (!network.spec.internal || name == names.back())) {
      request.ports = TRY(wanted_ports(workload.spec, image));
      publishes = false;
    }
    endpoints.push_back(TRY(parts.networks.reserve(request), "join network {}", name));
    reserved.push_back(name);
  }
  undo.dismiss();
  return endpoints;
}

std::string endpoint_id(const std::string& workload_uid, const std::string& network_uid) {
  return std::string(image::digest_hex(image::digest_of(workload_uid + " in " + network_uid)));
}

Result<> store_endpoints(const Parts& parts, Edit& edit, const std::vector<network::Endpoint>& endpoints) {
  auto& status = edit.workload.status;
  const auto& uid = edit.workload.metadata.uid;
  const auto before = std::exchange(status.networks, {});
  status.ports.clear();
  for (const auto& endpoint : endpoints) {
    auto place = endpoint_status(endpoint);
    if (const auto network = TRY(parts.objects.get<api::Network>(std::string(kNetworks) + endpoint.network)))
      place.network_id = network->object.metadata.uid;
    place.endpoint_id = endpoint_id(uid, place.network_id);
    if (std::ranges::none_of(before, [&](const auto& have) { return have.network == endpoint.network; }))
      edit.events.push_back(network_event(parts, "connect", place, edit.workload));
    status.networks.push_back(std::move(place));
    add_ports(status.ports, endpoint);
    edit.operations.push_back(store::Put{endpoint_key(uid, endpoint.network), endpoint_to_json(endpoint)});
  }
  return {};
}

void forget_endpoints(const Parts& parts, Edit& edit, const std::string& network) {
  auto& status = edit.workload.status;
  std::erase_if(status.networks, [&](const api::EndpointStatus& endpoint) {
    if (!network.empty() && endpoint.network != network) return false;
    edit.operations.push_back(store::Remove{endpoint_key(edit.workload.metadata.uid, endpoint.network)});
    edit.events.push_back(network_event(parts, "disconnect", endpoint, edit.workload));
    return true;
  });
  if (status.networks.empty()) status.ports.clear();
}

Result<> plug_endpoints(const Parts& parts, const std::vector<network::Endpoint>& endpoints, int netns) {
  for (const auto& endpoint : endpoints) TRY(parts.networks.plug_veth(endpoint, netns), "plug into network {}", endpoint.network);
  return {};
}

Result<> detach(const Parts& parts, const std::string& uid, const std::string& network) {
  const WorkloadId id(uid);
  return network.empty() ? parts.networks.detach_all(id) : parts.networks.detach(id, network);
}

Result<> fill_names(const Parts& parts, const api::Workload& workload, sandbox::Plan& plan) {
  const auto& spec = workload.spec;
  if (spec.network.starts_with("container:")) return {};  // host name, hosts and resolv.conf are those of the joined workload
  plan.hostname = host_name(workload);
  const network::ResolvConfig config{
      .servers = spec.dns.empty() ? parts.dns : spec.dns, .search = spec.dns_search, .options = spec.dns_options};
  if (spec.network == "host") {
    if (spec.hostname.empty()) {
      char name[256] = {};
      if (::gethostname(name, sizeof name - 1) == 0) plan.hostname = name;
    }
    plan.resolv_conf = TRY(network::resolv_conf_of_host(config, sys::read_file("/etc/resolv.conf", 1 << 20).value_or("")), "dns");
    std::string hosts = sys::read_file("/etc/hosts", 1 << 20).value_or("127.0.0.1\tlocalhost\n");
    for (const auto& [name, address] : spec.extra_hosts) hosts += (address == "host-gateway" ? "127.0.0.1" : address) + "\t" + name + "\n";
    plan.hosts_file = std::move(hosts);
    return {};
  }
  const auto endpoints = parts.networks.endpoints(plan.id);
  std::vector<network::Network> networks;
  for (const auto& endpoint : endpoints) networks.push_back(TRY(parts.networks.network(endpoint.network)));
  plan.resolv_conf = TRY(network::resolv_conf(config, networks), "dns");
  const std::vector<std::pair<std::string, std::string>> extra(spec.extra_hosts.begin(), spec.extra_hosts.end());
  plan.hosts_file = TRY(network::hosts_file(plan.hostname, endpoints, networks, extra), "extraHosts");
  return {};
}

Result<std::vector<sandbox::Join>> resolve_joins(const Parts& parts, const api::Workload& workload) {
  std::vector<sandbox::Join> joins;
  const auto add = [&](const std::string& kind, const std::string& text) -> Result<> {
    if (!text.starts_with("container:")) return {};
    const auto target = TRY(parts.objects.find(text.substr(10)), "{}", kind);
    if (target.metadata.uid == workload.metadata.uid) return fail(Code::invalid_argument, "{}: a workload cannot join itself", kind);
    if (target.status.phase != api::Phase::running && target.status.phase != api::Phase::paused)
      return fail(Code::failed_precondition, "{}: workload {} does not run", kind, target.spec.name);
    joins.push_back({.kind = kind, .target = WorkloadId(target.metadata.uid)});
    return {};
  };
  TRY(add("network", workload.spec.network));
  TRY(add("pid", workload.spec.namespaces.pid));
  TRY(add("ipc", workload.spec.namespaces.ipc));
  return joins;
}

}  // namespace fulcrum::control
