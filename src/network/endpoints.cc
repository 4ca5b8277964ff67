// Attachments: reserving, plugging, publishing, detaching.
#include <algorithm>
#include <set>

#include "base/scope_exit.h"
#include "network/conntrack.h"
#include "network/links.h"
#include "network/manager_impl.h"
#include "network/naming.h"
#include "network/nftables.h"

namespace fulcrum::network {
namespace {

EndpointKey key_of(const WorkloadId& workload, std::string_view network) { return {workload.str(), std::string(network)}; }

bool has_udp(const std::vector<PublishedPort>& ports) {
  return std::ranges::any_of(ports, [](const PublishedPort& p) { return p.protocol == Protocol::udp; });
}

/// Connectionless flows stick to the translation that they began with; forget them, so that the next packet sees the new rules.
void forget_flows(const std::vector<PublishedPort>& ports) {
  if (has_udp(ports)) (void)forget_udp_flows(ports);
}

}  // namespace

std::vector<Element> elements_of_ports(const Endpoint& endpoint, const std::vector<PublishedPort>& published) {
  std::vector<Element> out;
  for (const auto& port : published) std::ranges::copy(port_elements(endpoint, port), std::back_inserter(out));
  // Neighbours in the same map share a message to the kernel.
  std::ranges::sort(out, {}, &Element::set);
  return out;
}

Result<NetworkState*> Manager::Impl::find_network(std::string_view name) {
  const auto found = networks.find(name);
  if (found == networks.end()) return fail(Code::not_found, "network {}", name);
  return &found->second;
}

Result<EndpointState*> Manager::Impl::find_endpoint(const WorkloadId& workload, std::string_view network) {
  const auto found = endpoints.find(key_of(workload, network));
  if (found == endpoints.end()) return fail(Code::not_found, "workload {} is not in network {}", workload.str(), network);
  return &found->second;
}

Result<> Manager::Impl::check_request(const AttachRequest& request) const {
  constexpr std::size_t kMaxNames = 64, kMaxPorts = 4096;
  if (request.workload.empty()) return fail(Code::invalid_argument, "attach: a workload is needed");
  if (!request.ifname.empty() && (!valid_interface_name(request.ifname) || request.ifname == "lo"))
    return fail(Code::invalid_argument, "interface name \"{}\" cannot be used", request.ifname);
  for (const auto* list : {&request.names, &request.services}) {
    if (list->size() > kMaxNames)
      return fail(Code::invalid_argument, "workload {}: more than {} names in a network", request.workload.str(), kMaxNames);
    for (const auto& name : *list) TRY(check_host_name(name), "workload {}", request.workload.str());
  }
  std::size_t ports = 0;
  for (const auto& spec : request.ports) {
    if (spec.first == 0 || spec.last < spec.first || spec.host_last < spec.host_first)
      return fail(Code::invalid_argument, "workload {}: a port range is empty", request.workload.str());
    ports += spec.last - spec.first + 1U;
  }
  if (ports > kMaxPorts)
    return fail(Code::invalid_argument, "workload {}: more than {} published ports", request.workload.str(), kMaxPorts);
  for (const auto& [key, state] : endpoints) {
    if (key.first != request.workload.str()) continue;
    if (key.second == request.network) return fail(Code::already_exists, "workload {} is in network {} already", key.first, key.second);
    if (state.endpoint.ifname == request.ifname)
      return fail(Code::already_exists, "workload {} has an interface {} already", key.first, request.ifname);
  }
  return {};
}

std::string Manager::Impl::choose_ifname(const AttachRequest& request) const {
  if (!request.ifname.empty()) return request.ifname;
  std::set<std::string> used;
  for (auto it = endpoints.lower_bound({request.workload.str(), ""}); it != endpoints.end() && it->first.first == request.workload.str();
       ++it)
    used.insert(it->second.endpoint.ifname);
  for (unsigned i = 0;; ++i) {
    if (auto name = fmt::format("eth{}", i); !used.contains(name)) return name;
  }
}

Result<std::vector<Prefix>> Manager::Impl::take_addresses(NetworkState& network, const AttachRequest& request) {
  std::vector<Prefix> out;
  const std::string owner = "workload " + request.workload.str();
  const auto one = [&](std::optional<AddressPool>& pool, const std::optional<IpAddress>& fixed, std::string_view family) -> Result<> {
    if (!pool) {
      if (fixed)
        return fail(Code::invalid_argument, "network {} has no {} subnet for address {}", network.config.name, family, fixed->str());
      return {};
    }
    IpAddress address;
    if (fixed) {
      TRY(pool->take(*fixed, owner), "network {}", network.config.name);
      address = *fixed;
    } else {
      address = TRY(pool->take(owner), "network {}", network.config.name);
    }
    out.push_back({address, pool->config().subnet.length});
    return {};
  };
  TRY(one(network.v4, request.ipv4, "IPv4"));
  const auto six = one(network.v6, request.ipv6, "IPv6");
  if (six) return out;
  if (!out.empty()) network.v4->give_back(out.front().address);
  return std::unexpected(six.error());
}

void Manager::Impl::release(const Endpoint& endpoint) {
  for (const auto& port : endpoint.ports) ports.release(port);
  const auto network = networks.find(endpoint.network);
  if (network == networks.end()) return;
  for (const auto& address : endpoint.addresses) {
    auto& pool = address.address.is_v4() ? network->second.v4 : network->second.v6;
    if (pool) pool->give_back(address.address);
  }
}

Result<Endpoint> Manager::reserve(const AttachRequest& request) {
  const std::lock_guard lock(impl_->mutex);
  NetworkState* network = TRY(impl_->find_network(request.network));
  TRY(impl_->check_request(request));
  if (network->config.internal && !request.ports.empty())
    return fail(Code::invalid_argument, "workload {}: ports cannot be published on network {}, which is internal", request.workload.str(),
                request.network);
  Endpoint out{.workload = request.workload, .network = request.network};
  out.addresses = TRY(impl_->take_addresses(*network, request));
  ScopeExit undo([&] { impl_->release(out); });
  out.ports = TRY(impl_->ports.reserve(request.ports, "workload " + request.workload.str()), "workload {}", request.workload.str());
  out.ifname = impl_->choose_ifname(request);
  out.host_ifname = port_name(impl_->instance, request.workload.str(), request.network);
  out.mac = request.mac ? *request.mac : member_mac(out.addresses.front().address);
  out.mtu = network->config.mtu;
  out.names = request.names;
  out.services = request.services;
  bool routed = false;
  for (const auto& [key, state] : impl_->endpoints)
    routed = routed || (key.first == request.workload.str() && !state.endpoint.gateways.empty());
  if (!network->config.internal && request.default_route.value_or(!routed)) {
    for (const auto& subnet : network->config.subnets) out.gateways.push_back(*subnet.gateway);
  }
  impl_->endpoints.emplace(key_of(request.workload, request.network), EndpointState{out, false});
  undo.dismiss();
  return out;
}

Result<> Manager::Impl::open_ports(const Endpoint& endpoint, const std::vector<PublishedPort>& published) {
  TRY(rules->add(elements_of_ports(endpoint, published)));
  forget_flows(published);
  return {};
}

Result<> Manager::Impl::close_ports(const Endpoint& endpoint, const std::vector<PublishedPort>& published) {
  TRY(rules->remove(elements_of_ports(endpoint, published)));
  forget_flows(published);
  return {};
}

dns::Host dns_host(const Endpoint& endpoint) {
  dns::Host host{.id = endpoint.workload.str(), .names = endpoint.names, .services = endpoint.services, .ready = endpoint.ready};
  for (const auto& address : endpoint.addresses) host.addresses.push_back(address.address);
  return host;
}

void Manager::Impl::announce(const Endpoint& endpoint) { dns->put(endpoint.network, dns_host(endpoint)); }

PortSettings Manager::Impl::port_settings(const Network& network, const Endpoint& endpoint) const {
  return {network.bridge, port_alias(instance, endpoint.workload.str(), endpoint.network), !network.inter_container, bridge_netfilter_on()};
}

Result<> Manager::plug_veth(const Endpoint& wanted, int netns_fd) {
  const Network network = TRY(impl_->network_copy(wanted.network));
  Endpoint endpoint;
  {
    const std::lock_guard lock(impl_->mutex);
    endpoint = TRY(impl_->find_endpoint(wanted.workload, wanted.network))->endpoint;
  }
  const VethSpec spec{endpoint.host_ifname, endpoint.ifname, endpoint.mac, endpoint.mtu};
  const PortSettings port = impl_->port_settings(network, endpoint);
  auto socket = TRY(netlink::Socket::open(NETLINK_ROUTE));
  auto made = make_veth(socket, spec, netns_fd);
  if (!made && made.error().code == Code::already_exists) {
    // A link of this name is what an interrupted attempt left, unless its label says that it is another endpoint's.
    const auto link = TRY(find_link(socket, spec.host_name));
    if (link && (link->alias.empty() || link->alias == port.alias)) {
      TRY(delete_link(socket, spec.host_name));
      made = make_veth(socket, spec, netns_fd);
    }
  }
  const auto what = [&] { return fmt::format("attach workload {} to network {}", endpoint.workload.str(), endpoint.network); };
  TRY(made, "{}", what());
  ScopeExit undo([&] { (void)delete_link(socket, spec.host_name); });
  auto inner = TRY(configure_inner(netns_fd, {endpoint.ifname, endpoint.addresses, endpoint.gateways}), "{}", what());
  TRY(plug_port(socket, spec.host_name, port), "{}", what());
  // From the member to the bridge: each only starts when the one before carries.
  TRY(settle_link(inner, endpoint.ifname), "{}", what());
  TRY(settle_link(socket, spec.host_name), "{}", what());
  TRY(settle_link(socket, network.bridge), "{}", what());
  TRY(impl_->open_ports(endpoint, endpoint.ports), "{}", what());
  undo.dismiss();
  const std::lock_guard lock(impl_->mutex);
  const auto state = TRY(impl_->find_endpoint(wanted.workload, wanted.network));
  state->plugged = true;
  impl_->announce(state->endpoint);
  return {};
}

Result<UniqueFd> Manager::plug_tap(const Endpoint& wanted) {
  const Network network = TRY(impl_->network_copy(wanted.network));
  Endpoint endpoint;
  {
    const std::lock_guard lock(impl_->mutex);
    endpoint = TRY(impl_->find_endpoint(wanted.workload, wanted.network))->endpoint;
  }
  // The host's end needs an address of its own; the card inside carries endpoint.mac.
  auto tap = TRY(make_tap(endpoint.host_ifname, MacAddress::random(), endpoint.mtu), "attach workload {}", endpoint.workload.str());
  auto socket = TRY(netlink::Socket::open(NETLINK_ROUTE));
  TRY(plug_port(socket, endpoint.host_ifname, impl_->port_settings(network, endpoint)));
  TRY(impl_->open_ports(endpoint, endpoint.ports), "attach workload {}", endpoint.workload.str());
  const std::lock_guard lock(impl_->mutex);
  const auto state = TRY(impl_->find_endpoint(wanted.workload, wanted.network));
  state->plugged = true;
  impl_->announce(state->endpoint);
  return tap;
}

Result<Endpoint> Manager::attach(const AttachRequest& request, int netns_fd) {
  const Endpoint endpoint = TRY(reserve(request));
  const auto plugged = plug_veth(endpoint, netns_fd);
  if (plugged) return endpoint;
  (void)detach(request.workload, request.network);
  return std::unexpected(plugged.error());
}

Result<> Manager::Impl::take_out(const WorkloadId& workload, std::string_view network, Removal removal) {
  Endpoint endpoint;
  {
    const std::lock_guard lock(mutex);
    const auto found = endpoints.find(key_of(workload, network));
    if (found == endpoints.end()) return {};
    endpoint = found->second.endpoint;
  }
  dns->remove(network, workload.str());
  TRY(close_ports(endpoint, endpoint.ports), "detach workload {}", workload.str());
  auto socket = TRY(netlink::Socket::open(NETLINK_ROUTE));
  const auto link = TRY(find_link(socket, endpoint.host_ifname), "detach workload {}", workload.str());
  if (link && removal == Removal::background) reaper.remove(link->index);
  if (link && removal == Removal::now) TRY(delete_link(socket, link->index), "detach workload {}", workload.str());
  // Only now, when no rule speaks of them any more, may the address and ports go to somebody else.
  const std::lock_guard lock(mutex);
  if (endpoints.erase(key_of(workload, network)) > 0) release(endpoint);
  return {};
}

Result<> Manager::detach(const WorkloadId& workload, std::string_view network) {
  return impl_->take_out(workload, network, Impl::Removal::now);
}

Result<> Manager::detach_all(const WorkloadId& workload) {
  for (const auto& endpoint : endpoints(workload)) TRY(impl_->take_out(workload, endpoint.network, Impl::Removal::background));
  return {};
}

std::vector<Endpoint> Manager::endpoints(const WorkloadId& workload) const {
  const std::lock_guard lock(impl_->mutex);
  std::vector<Endpoint> out;
  for (auto it = impl_->endpoints.lower_bound({workload.str(), ""}); it != impl_->endpoints.end() && it->first.first == workload.str();
       ++it)
    out.push_back(it->second.endpoint);
  std::ranges::sort(out, {}, &Endpoint::ifname);
  return out;
}

std::vector<Endpoint> Manager::endpoints() const {
  const std::lock_guard lock(impl_->mutex);
  std::vector<Endpoint> out;
  for (const auto& [key, state] : impl_->endpoints) out.push_back(state.endpoint);
  return out;
}

Result<std::vector<PublishedPort>> Manager::publish(const WorkloadId& workload, std::string_view network, std::span<const PortSpec> ports) {
  Endpoint endpoint;
  std::vector<PublishedPort> added;
  bool plugged = false;
  {
    const std::lock_guard lock(impl_->mutex);
    auto* state = TRY(impl_->find_endpoint(workload, network));
    if (TRY(impl_->find_network(network))->config.internal)
      return fail(Code::invalid_argument, "ports cannot be published on network {}, which is internal", network);
    added = TRY(impl_->ports.reserve({ports.begin(), ports.end()}, "workload " + workload.str()));
    state->endpoint.ports.insert(state->endpoint.ports.end(), added.begin(), added.end());
    endpoint = state->endpoint;
    plugged = state->plugged;
  }
  if (!plugged) return endpoint.ports;
  const auto opened = impl_->open_ports(endpoint, added);
  if (opened) return endpoint.ports;
  (void)unpublish(workload, network, added);
  return std::unexpected(opened.error());
}

Result<> Manager::unpublish(const WorkloadId& workload, std::string_view network, std::span<const PublishedPort> ports) {
  Endpoint endpoint;
  std::vector<PublishedPort> removed;
  {
    const std::lock_guard lock(impl_->mutex);
    endpoint = TRY(impl_->find_endpoint(workload, network))->endpoint;
    std::ranges::copy_if(ports, std::back_inserter(removed),
                         [&](const PublishedPort& p) { return std::ranges::count(endpoint.ports, p) > 0; });
  }
  TRY(impl_->close_ports(endpoint, removed), "close ports of workload {}", workload.str());
  const std::lock_guard lock(impl_->mutex);
  auto* state = TRY(impl_->find_endpoint(workload, network));
  for (const auto& port : removed) {
    if (std::erase(state->endpoint.ports, port) > 0) impl_->ports.release(port);
  }
  return {};
}

void Manager::set_ready(const WorkloadId& workload, bool ready) {
  const std::lock_guard lock(impl_->mutex);
  for (auto it = impl_->endpoints.lower_bound({workload.str(), ""}); it != impl_->endpoints.end() && it->first.first == workload.str();
       ++it) {
    it->second.endpoint.ready = ready;
    if (it->second.plugged) impl_->announce(it->second.endpoint);
  }
}

Result<> Manager::set_names(const WorkloadId& workload, std::string_view network, std::vector<std::string> names,
                            std::vector<std::string> services) {
  for (const auto* list : {&names, &services}) {
    for (const auto& name : *list) TRY(check_host_name(name), "workload {}", workload.str());
  }
  const std::lock_guard lock(impl_->mutex);
  auto* state = TRY(impl_->find_endpoint(workload, network));
  state->endpoint.names = std::move(names);
  state->endpoint.services = std::move(services);
  if (state->plugged) impl_->announce(state->endpoint);
  return {};
}

Result<std::vector<EndpointStats>> Manager::stats(const WorkloadId& workload) const {
  const auto list = endpoints(workload);
  if (list.empty()) return fail(Code::not_found, "workload {} has no network", workload.str());
  auto socket = TRY(netlink::Socket::open(NETLINK_ROUTE));
  std::vector<EndpointStats> out;
  for (const auto& endpoint : list) {
    const auto link = TRY(find_link(socket, endpoint.host_ifname));
    if (!link) continue;
    // What the host's end sent, the workload received.
    const LinkStats& s = link->stats;
    out.push_back({endpoint.network, endpoint.ifname, s.tx_bytes, s.tx_packets, s.tx_errors, s.tx_dropped, s.rx_bytes, s.rx_packets,
                   s.rx_errors, s.rx_dropped});
  }
  return out;
}

}  // namespace fulcrum::network
