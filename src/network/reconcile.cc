// Making the kernel equal to the records, after a crash or whenever in doubt.
#include <algorithm>
#include <set>

#include "network/links.h"
#include "network/manager_impl.h"
#include "network/naming.h"
#include "network/nftables.h"

namespace fulcrum::network {
namespace {

Error in(Error error, std::string_view context) { return with_context(std::move(error), context); }

}  // namespace

void Manager::Impl::load_networks(std::span<const Network> records, ReconcileReport& report) {
  std::map<std::string, NetworkState, std::less<>> fresh;
  for (const Network& network : records) {
    NetworkState state{network, {}, {}};
    const bool complete = !network.bridge.empty() && network.mtu != 0 && !network.subnets.empty() &&
                          std::ranges::all_of(network.subnets, [](const SubnetConfig& s) { return s.gateway.has_value(); });
    if (!complete || !check_network_name(network.name) || !valid_interface_name(network.bridge)) {
      report.problems.push_back({Code::invalid_argument, fmt::format("network {}: the record is incomplete", network.name)});
      continue;
    }
    for (const auto& subnet : network.subnets) (subnet.subnet.address.is_v4() ? state.v4 : state.v6).emplace(subnet);
    fresh.insert_or_assign(network.name, std::move(state));
  }
  const std::lock_guard lock(mutex);
  networks = std::move(fresh);
}

void Manager::Impl::load_endpoints(std::span<const Endpoint> records, ReconcileReport& report) {
  const std::lock_guard lock(mutex);
  // Ports stay held while they change hands, so that nobody slips in between.
  std::vector<PublishedPort> before;
  for (const auto& [key, state] : endpoints) before.insert(before.end(), state.endpoint.ports.begin(), state.endpoint.ports.end());
  endpoints.clear();
  std::set<PublishedPort> kept;
  for (const Endpoint& endpoint : records) {
    const auto network = networks.find(endpoint.network);
    const std::string owner = "workload " + endpoint.workload.str();
    if (network == networks.end()) {
      report.problems.push_back({Code::not_found, fmt::format("{}: network {} does not exist", owner, endpoint.network)});
      continue;
    }
    for (const auto& address : endpoint.addresses) {
      auto& pool = address.address.is_v4() ? network->second.v4 : network->second.v6;
      const auto taken = pool ? pool->take(address.address, owner) : fail(Code::invalid_argument, "no subnet for {}", address.str());
      if (!taken) report.problems.push_back(in(taken.error(), owner));
    }
    for (const auto& port : endpoint.ports) {
      const auto held = ports.restore(port, owner);
      kept.insert(port);
      if (!held) report.problems.push_back(in(held.error(), owner));
    }
    endpoints.insert_or_assign(EndpointKey{endpoint.workload.str(), endpoint.network}, EndpointState{endpoint, false});
  }
  for (const auto& port : before) {
    if (!kept.contains(port)) ports.release(port);
  }
}

Result<> Manager::Impl::sweep_links(ReconcileReport& report) {
  std::set<std::string> wanted;
  {
    const std::lock_guard lock(mutex);
    for (const auto& [name, state] : networks) wanted.insert(state.config.bridge);
    for (const auto& [key, state] : endpoints) wanted.insert(state.endpoint.host_ifname);
  }
  auto socket = TRY(netlink::Socket::open(NETLINK_ROUTE));
  for (const auto& link : TRY(list_links(socket))) {
    // By label; one of our names without a label is what a crash interrupted, and useless even when it is wanted.
    const bool unfinished = link.alias.empty() && is_own_name(instance, link.name);
    if (!unfinished && (!is_own_alias(instance, link.alias) || wanted.contains(link.name))) continue;
    TRY(delete_link(socket, link.name));
    report.removed_links.push_back(link.name);
  }
  return {};
}

Result<> Manager::Impl::adopt_links(ReconcileReport& report) {
  auto socket = TRY(netlink::Socket::open(NETLINK_ROUTE));
  std::map<std::string, Link> links;
  for (auto& link : TRY(list_links(socket))) links.emplace(link.name, link);
  std::vector<std::pair<Endpoint, Network>> astray;
  {
    const std::lock_guard lock(mutex);
    for (auto& [key, state] : endpoints) {
      const auto& network = networks.find(key.second)->second.config;
      const auto link = links.find(state.endpoint.host_ifname);
      const auto bridge = links.find(network.bridge);
      state.plugged = link != links.end();
      if (!state.plugged)
        report.unplugged.emplace_back(state.endpoint.workload, key.second);
      else if (bridge != links.end() && link->second.master != bridge->second.index)
        astray.emplace_back(state.endpoint, network);
    }
  }
  // Somebody removed the bridge under running members: it is new, and they go back into it.
  for (const auto& [endpoint, network] : astray) {
    const auto plugged = plug_port(socket, endpoint.host_ifname, port_settings(network, endpoint));
    if (!plugged) report.problems.push_back(in(plugged.error(), "workload " + endpoint.workload.str()));
  }
  return {};
}

std::vector<Element> Manager::Impl::all_elements() const {
  const std::lock_guard lock(mutex);
  std::vector<Element> out;
  for (const auto& [name, state] : networks) std::ranges::copy(network_elements(state.config), std::back_inserter(out));
  // Two records with the same port would make the whole transaction fail: the first keeps it, load_endpoints() named the clash.
  std::set<std::pair<std::string, std::vector<std::uint8_t>>> seen;
  for (const auto& [key, state] : endpoints) {
    if (!state.plugged) continue;
    for (auto& element : elements_of_ports(state.endpoint, state.endpoint.ports)) {
      if (seen.emplace(element.set, encode_fields(element.key)).second) out.push_back(std::move(element));
    }
  }
  return out;
}

void Manager::Impl::announce_all() {
  std::map<std::string, std::vector<dns::Host>> members;
  {
    const std::lock_guard lock(mutex);
    for (const auto& [name, state] : networks) members[name];
    for (const auto& [key, state] : endpoints) {
      if (state.plugged) members[key.second].push_back(dns_host(state.endpoint));
    }
  }
  for (const auto& name : dns->serving()) {
    if (!members.contains(name)) dns->stop_serving(name);
  }
  for (auto& [name, hosts] : members) dns->replace(name, std::move(hosts));
}

Result<ReconcileReport> Manager::reconcile(std::span<const Network> records, std::span<const Endpoint> endpoint_records) {
  ReconcileReport report;
  impl_->reaper.drain();
  impl_->load_networks(records, report);
  impl_->load_endpoints(endpoint_records, report);
  TRY(impl_->sweep_links(report), "reconcile networks");
  for (const Network& network : networks()) {
    const auto built = impl_->build_network(network);
    if (!built) report.problems.push_back(built.error());
  }
  TRY(impl_->adopt_links(report), "reconcile networks");
  TRY(run_script(render_table(impl_->table, impl_->all_elements())), "reconcile networks");
  impl_->announce_all();
  return report;
}

Result<> Manager::purge() {
  TRY(reconcile({}, {}), "remove all networks");
  return delete_table(impl_->table);
}

}  // namespace fulcrum::network
