#include "control/mechanisms.h"

namespace fulcrum::control {

namespace {

class RealNetworks final : public Networks {
 public:
  explicit RealNetworks(network::Manager& manager) : manager_(manager) {}
  Result<network::Network> plan_network(const network::NetworkConfig& config) override { return manager_.plan_network(config); }
  Result<network::Network> create_network(const network::NetworkConfig& config) override { return manager_.create_network(config); }
  Result<> remove_network(std::string_view name) override { return manager_.remove_network(name); }
  Result<network::Network> network(std::string_view name) override { return manager_.network(name); }
  Result<network::Endpoint> reserve(const network::AttachRequest& request) override { return manager_.reserve(request); }
  Result<> plug_veth(const network::Endpoint& endpoint, int netns_fd) override { return manager_.plug_veth(endpoint, netns_fd); }
  Result<> detach(const WorkloadId& workload, std::string_view network) override { return manager_.detach(workload, network); }
  Result<> detach_all(const WorkloadId& workload) override { return manager_.detach_all(workload); }
  std::vector<network::Endpoint> endpoints(const WorkloadId& workload) override { return manager_.endpoints(workload); }
  void set_ready(const WorkloadId& workload, bool ready) override { manager_.set_ready(workload, ready); }
  Result<> set_names(const WorkloadId& workload, std::string_view network, std::vector<std::string> names,
                     std::vector<std::string> services) override {
    return manager_.set_names(workload, network, std::move(names), std::move(services));
  }
  Result<std::vector<network::EndpointStats>> stats(const WorkloadId& workload) override { return manager_.stats(workload); }
  Result<network::ReconcileReport> reconcile(std::span<const network::Network> networks,
                                             std::span<const network::Endpoint> endpoints) override {
    return manager_.reconcile(networks, endpoints);
  }

 private:
  network::Manager& manager_;
};

Result<bool> word_to_bool(const std::string& option, const std::string& word) {
  if (word == "true" || word == "1" || word.empty()) return true;
  if (word == "false" || word == "0") return false;
  return fail(Code::invalid_argument, "options.{}: \"{}\" is neither true nor false", option, word);
}

Result<unsigned> word_to_mtu(const std::string& word) {
  if (word.empty() || word.size() > 5 || word.find_first_not_of("0123456789") != std::string::npos)
    return fail(Code::invalid_argument, "options.mtu: \"{}\" is not a number", word);
  return static_cast<unsigned>(std::stoul(word));
}

constexpr const char* kLongMtu = "com.docker.network.driver.mtu";

Result<> apply_option(network::NetworkConfig& config, const std::string& name, const std::string& value) {
  // The long words are those that Docker's bridge driver knows.
  if (name == "mtu" || name == kLongMtu) {
    config.mtu = TRY(word_to_mtu(value));
  } else if (name == "icc" || name == "com.docker.network.bridge.enable_icc") {
    config.inter_container = TRY(word_to_bool(name, value));
  } else if (name == "masquerade" || name == "com.docker.network.bridge.enable_ip_masquerade") {
    config.masquerade = TRY(word_to_bool(name, value));
  } else if (name == "bridge" || name == "com.docker.network.bridge.name") {
    config.bridge = value;
  } else if (name == "isolated") {
    config.isolated = TRY(word_to_bool(name, value));
  } else if (name == "dns") {
    config.dns = TRY(word_to_bool(name, value));
  } else {
    return fail(Code::invalid_argument,
                "options.{}: no such option of the bridge driver; it has mtu, icc, masquerade, bridge, isolated, dns", name);
  }
  return {};
}

}  // namespace

std::unique_ptr<Networks> make_networks(network::Manager& manager) { return std::make_unique<RealNetworks>(manager); }

Result<network::NetworkConfig> network_config(const api::NetworkSpec& spec) {
  if (spec.driver != "bridge")
    return fail(Code::unimplemented, "driver: networks are bridges; \"{}\" is a mode of a workload, not a network to be made", spec.driver);
  network::NetworkConfig config{.name = spec.name, .ipv6 = spec.ipv6, .internal = spec.internal, .labels = spec.labels};
  for (std::size_t i = 0; i < spec.subnets.size(); ++i) {
    const auto& subnet = spec.subnets[i];
    network::SubnetConfig one{.subnet = TRY(network::Prefix::parse(subnet.subnet), "subnets[{}].subnet", i)};
    if (!subnet.gateway.empty()) one.gateway = TRY(network::IpAddress::parse(subnet.gateway), "subnets[{}].gateway", i);
    if (!subnet.ip_range.empty()) one.ip_range = TRY(network::Prefix::parse(subnet.ip_range), "subnets[{}].ipRange", i);
    for (const auto& [name, address] : subnet.reserved)
      one.reserved[name] = TRY(network::IpAddress::parse(address), "subnets[{}].reserved.{}", i, name);
    config.subnets.push_back(std::move(one));
  }
  for (const auto& [name, value] : spec.options) TRY(apply_option(config, name, value));
  return config;
}

api::NetworkSpec network_spec(const network::Network& network, const api::NetworkSpec& declared) {
  api::NetworkSpec spec = declared;
  spec.name = network.name;
  spec.ipv6 = network.ipv6;
  spec.subnets.clear();
  for (const auto& subnet : network.subnets) {
    api::Subnet one{.subnet = subnet.subnet.str()};
    if (subnet.gateway) one.gateway = subnet.gateway->str();
    if (subnet.ip_range) one.ip_range = subnet.ip_range->str();
    for (const auto& [name, address] : subnet.reserved) one.reserved[name] = address.str();
    spec.subnets.push_back(std::move(one));
  }
  auto& mtu = spec.options[spec.options.contains(kLongMtu) ? kLongMtu : "mtu"];
  mtu = fmt::format("{}", network.mtu);
  return spec;
}

}  // namespace fulcrum::control
