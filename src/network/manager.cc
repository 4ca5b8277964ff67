// Networks: planning, making, removing.
#include <algorithm>

#include "base/sys.h"
#include "network/links.h"
#include "network/manager_impl.h"
#include "network/naming.h"
#include "network/nftables.h"

namespace fulcrum::network {
namespace {

/// Turns a kernel switch on, unless it is on.
Result<> switch_on(const std::string& path) {
  const auto now = TRY(sys::read_file(path, 64));
  if (!now.starts_with('0')) return {};
  return sys::write_existing(path, "1");
}

std::vector<Prefix> default_pools() {
  return {Prefix{IpAddress::v4(0xac1c0000), 14}, Prefix{IpAddress::v4(0x0ad20000), 16}};  // 172.28.0.0/14, 10.210.0.0/16
}

const SubnetConfig* find_family(const NetworkConfig& config, Family family) {
  const auto found = std::ranges::find_if(config.subnets, [&](const SubnetConfig& s) { return s.subnet.family() == family; });
  return found == config.subnets.end() ? nullptr : &*found;
}

Result<> check_config(const NetworkConfig& config) {
  TRY(check_network_name(config.name));
  if (!config.options.empty())
    return fail(Code::invalid_argument, "network {}: unknown option \"{}\"", config.name, config.options.begin()->first);
  if (!config.bridge.empty() && !valid_interface_name(config.bridge))
    return fail(Code::invalid_argument, "network {}: \"{}\" is not an interface name", config.name, config.bridge);
  for (const Family family : {Family::v4, Family::v6}) {
    if (std::ranges::count_if(config.subnets, [&](const SubnetConfig& s) { return s.subnet.family() == family; }) > 1)
      return fail(Code::unimplemented, "network {}: more than one {} subnet", config.name, family == Family::v4 ? "IPv4" : "IPv6");
  }
  const unsigned least = config.ipv6 || find_family(config, Family::v6) != nullptr ? 1280 : 68;
  if (config.mtu != 0 && (config.mtu < least || config.mtu > 65535))
    return fail(Code::invalid_argument, "network {}: mtu {} is not {} to 65535", config.name, config.mtu, least);
  return {};
}

/// Whether two configs describe the same network once the choices that `wish` left open are ignored.
bool satisfies(const Network& existing, const NetworkConfig& wish) {
  NetworkConfig filled = wish;
  if (filled.mtu == 0) filled.mtu = existing.mtu;
  if (filled.bridge.empty()) filled.bridge = existing.bridge;
  filled.ipv6 = filled.ipv6 || find_family(wish, Family::v6) != nullptr;
  for (const SubnetConfig& subnet : existing.subnets) {
    const Family family = subnet.subnet.family();
    const auto same = std::ranges::find_if(filled.subnets, [&](const SubnetConfig& s) { return s.subnet.family() == family; });
    if (same == filled.subnets.end())
      filled.subnets.push_back(subnet);
    else if (!same->gateway)
      same->gateway = subnet.gateway;
  }
  const auto by_subnet = [](const SubnetConfig& a, const SubnetConfig& b) { return a.subnet < b.subnet; };
  Network left = existing;
  std::ranges::sort(left.subnets, by_subnet);
  std::ranges::sort(filled.subnets, by_subnet);
  return left == filled;
}

}  // namespace

std::vector<Prefix> gateway_prefixes(const Network& network) {
  std::vector<Prefix> out;
  for (const SubnetConfig& subnet : network.subnets) out.push_back(Prefix{*subnet.gateway, subnet.subnet.length});
  return out;
}

Manager::Manager(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Manager::~Manager() = default;

Result<std::unique_ptr<Manager>> Manager::open(ManagerOptions options) {
  auto impl = std::make_unique<Impl>();
  impl->instance = TRY(normal_instance(options.instance));
  impl->table = table_name(impl->instance);
  if (options.pools.empty()) options.pools = default_pools();
  for (const Prefix& pool : options.pools) {
    if (!pool.address.is_v4() || pool.network() != pool || options.pool_prefix < pool.length || options.pool_prefix > 30)
      return fail(Code::invalid_argument, "address pool {} cannot be cut into /{} subnets", pool.str(), options.pool_prefix);
  }
  impl->options = std::move(options);
  // A table that exists carries the ports of running workloads: reconcile() replaces it, in one step.
  if (!TRY(table_exists(impl->table), "open networking")) TRY(run_script(render_table(impl->table, {})), "open networking");
  impl->rules = TRY(TableElements::open(impl->table));
  impl->dns = TRY(dns::Server::start(impl->options.resolv_conf), "start the name server");
  return std::unique_ptr<Manager>(new Manager(std::move(impl)));
}

Result<Network> Manager::Impl::plan(const NetworkConfig& config) const {
  TRY(check_config(config));
  auto socket = TRY(netlink::Socket::open(NETLINK_ROUTE));
  Network out = config;
  out.bridge = config.bridge.empty() ? bridge_name(instance, config.name) : config.bridge;
  if (out.mtu == 0) out.mtu = TRY(default_mtu(socket));
  auto taken = TRY(subnets_in_use(socket));
  {
    const std::lock_guard lock(mutex);
    if (networks.contains(config.name)) return fail(Code::already_exists, "network {} exists", config.name);
    for (const auto& [name, other] : networks) {
      if (other.config.bridge == out.bridge) return fail(Code::already_exists, "bridge {} belongs to network {}", out.bridge, name);
      for (const auto& subnet : other.config.subnets) taken.push_back(subnet.subnet);
    }
  }
  for (auto& subnet : out.subnets) {
    subnet = TRY(complete_subnet(subnet), "network {}", config.name);
    const auto clash = std::ranges::find_if(taken, [&](const Prefix& t) { return t.overlaps(subnet.subnet); });
    if (clash != taken.end())
      return fail(Code::already_exists, "network {}: subnet {} overlaps {}, which is in use here", config.name, subnet.subnet.str(),
                  clash->str());
  }
  if (find_family(out, Family::v4) == nullptr) {
    const auto chosen = TRY(choose_subnet(options.pools, options.pool_prefix, taken), "network {}", config.name);
    out.subnets.insert(out.subnets.begin(), TRY(complete_subnet({chosen, {}, {}})));
  }
  if (out.ipv6 && find_family(out, Family::v6) == nullptr) out.subnets.push_back(TRY(complete_subnet({choose_ula(taken), {}, {}})));
  out.ipv6 = find_family(out, Family::v6) != nullptr;
  return out;
}

Result<Network> Manager::plan_network(const NetworkConfig& config) const { return impl_->plan(config); }

Result<> Manager::Impl::prepare_host(const Network& network) const {
  if (network.internal) return {};
  TRY(switch_on("/proc/sys/net/ipv4/ip_forward"), "network {}: let this host forward packets", network.name);
  if (network.ipv6)
    TRY(switch_on("/proc/sys/net/ipv6/conf/all/forwarding"), "network {}: let this host forward IPv6 packets", network.name);
  // Ports published on 127.0.0.1 leave through the bridge with a loopback source; only this bridge may carry that.
  TRY(switch_on(fmt::format("/proc/sys/net/ipv4/conf/{}/route_localnet", network.bridge)), "network {}", network.name);
  return {};
}

Result<> Manager::Impl::serve_names(const Network& network) {
  if (!network.dns) return {};
  return dns->serve({network.name, gateway_prefixes(network), !network.internal});
}

Result<> Manager::Impl::build_network(const Network& network) {
  auto socket = TRY(netlink::Socket::open(NETLINK_ROUTE));
  TRY(ensure_bridge(socket, {network.bridge, bridge_alias(instance, network.name), bridge_mac(instance, network.name), network.mtu,
                             gateway_prefixes(network)}),
      "network {}", network.name);
  TRY(prepare_host(network));
  return serve_names(network);
}

bool Manager::Impl::enter_network(const Network& network) {
  const std::lock_guard lock(mutex);
  for (const auto& [name, other] : networks) {
    if (name == network.name || other.config.bridge == network.bridge) return false;
    for (const auto& theirs : other.config.subnets) {
      for (const auto& ours : network.subnets) {
        if (theirs.subnet.overlaps(ours.subnet)) return false;
      }
    }
  }
  NetworkState state{network, {}, {}};
  for (const auto& subnet : network.subnets) (subnet.subnet.address.is_v4() ? state.v4 : state.v6).emplace(subnet);
  networks.emplace(network.name, std::move(state));
  return true;
}

Result<Network> Manager::create_network(const NetworkConfig& config) {
  {
    const std::lock_guard lock(impl_->mutex);
    if (const auto existing = impl_->networks.find(config.name); existing != impl_->networks.end()) {
      if (satisfies(existing->second.config, config)) return existing->second.config;
      return fail(Code::already_exists, "network {} exists with another configuration", config.name);
    }
  }
  Network network;
  do {
    network = TRY(impl_->plan(config));
  } while (!impl_->enter_network(network));
  auto built = impl_->build_network(network);
  // The rules come last: until they are there the kernel's default (nothing is translated) holds.
  if (built) built = impl_->rules->add(network_elements(network));
  if (built) return network;
  impl_->dns->stop_serving(network.name);
  (void)impl_->rules->remove(network_elements(network));
  if (auto socket = netlink::Socket::open(NETLINK_ROUTE); socket && built.error().code != Code::already_exists)
    (void)delete_link(*socket, network.bridge);
  const std::lock_guard lock(impl_->mutex);
  impl_->networks.erase(network.name);
  return std::unexpected(built.error());
}

Result<> Manager::remove_network(std::string_view name) {
  Network network;
  {
    const std::lock_guard lock(impl_->mutex);
    const auto found = impl_->networks.find(name);
    if (found == impl_->networks.end()) return {};
    for (const auto& [key, state] : impl_->endpoints) {
      if (key.second == name) return fail(Code::failed_precondition, "network {} is in use by workload {}", name, key.first);
    }
    network = found->second.config;
    impl_->networks.erase(found);
  }
  impl_->dns->stop_serving(name);
  TRY(impl_->rules->remove(network_elements(network)), "remove network {}", name);
  auto socket = TRY(netlink::Socket::open(NETLINK_ROUTE));
  TRY(delete_link(socket, network.bridge), "remove network {}", name);
  return {};
}

std::vector<Network> Manager::networks() const {
  const std::lock_guard lock(impl_->mutex);
  std::vector<Network> out;
  for (const auto& [name, state] : impl_->networks) out.push_back(state.config);
  return out;
}

Result<Network> Manager::Impl::network_copy(std::string_view name) const {
  const std::lock_guard lock(mutex);
  const auto found = networks.find(name);
  if (found == networks.end()) return fail(Code::not_found, "network {}", name);
  return found->second.config;
}

Result<Network> Manager::network(std::string_view name) const { return impl_->network_copy(name); }

}  // namespace fulcrum::network
