#include "control/rootless_networks.h"

#include <algorithm>
#include <map>
#include <mutex>

#include "base/scope_exit.h"

namespace fulcrum::control {
namespace {

using network::Endpoint;
using network::PublishedPort;

std::vector<PublishedPort> without_host_addresses(std::vector<PublishedPort> ports) {
  for (auto& port : ports) port.host_ip.reset();
  return ports;
}

Endpoint inside(Endpoint endpoint) {
  endpoint.ports = without_host_addresses(std::move(endpoint.ports));
  return endpoint;
}

class RootlessNetworks final : public Networks {
 public:
  RootlessNetworks(std::unique_ptr<Networks> inner, std::optional<network::HostForwards> forwards)
      : inner_(std::move(inner)), forwards_(std::move(forwards)) {}

  Result<network::Network> plan_network(const network::NetworkConfig& config) override { return inner_->plan_network(config); }
  Result<network::Network> create_network(const network::NetworkConfig& config) override { return inner_->create_network(config); }
  Result<> remove_network(std::string_view name) override { return inner_->remove_network(name); }
  Result<network::Network> network(std::string_view name) override { return inner_->network(name); }

  Result<Endpoint> reserve(const network::AttachRequest& request) override {
    auto plain = request;
    for (auto& port : plain.ports) port.host_ip.reset();
    auto endpoint = TRY(inner_->reserve(plain));
    endpoint.ports = with_host_addresses(std::move(endpoint.ports), request.ports);
    if (const auto opened = open(endpoint.ports); !opened) {
      (void)inner_->detach(request.workload, request.network);
      return std::unexpected(opened.error());
    }
    remember(endpoint);
    return endpoint;
  }

  Result<> plug_veth(const Endpoint& endpoint, int netns_fd) override {
    TRY(open(endpoint.ports));  // there already, unless slirp4netns was started anew
    return inner_->plug_veth(inside(endpoint), netns_fd);
  }

  Result<> detach(const WorkloadId& workload, std::string_view network) override {
    TRY(inner_->detach(workload, network));
    return close(forget(workload, network));
  }
  Result<> detach_all(const WorkloadId& workload) override {
    TRY(inner_->detach_all(workload));
    return close(forget(workload, {}));
  }
  std::vector<Endpoint> endpoints(const WorkloadId& workload) override {
    auto endpoints = inner_->endpoints(workload);
    const std::lock_guard lock(mutex_);
    for (auto& endpoint : endpoints) {
      if (const auto known = ports_.find({workload.str(), endpoint.network}); known != ports_.end()) endpoint.ports = known->second;
    }
    return endpoints;
  }
  void set_ready(const WorkloadId& workload, bool ready) override { inner_->set_ready(workload, ready); }
  Result<> set_names(const WorkloadId& workload, std::string_view network, std::vector<std::string> names,
                     std::vector<std::string> services) override {
    return inner_->set_names(workload, network, std::move(names), std::move(services));
  }
  Result<std::vector<network::EndpointStats>> stats(const WorkloadId& workload) override { return inner_->stats(workload); }

  Result<network::ReconcileReport> reconcile(std::span<const network::Network> networks, std::span<const Endpoint> endpoints) override {
    std::vector<Endpoint> plain;
    std::vector<PublishedPort> wanted;
    for (const auto& endpoint : endpoints) {
      plain.push_back(inside(endpoint));
      wanted.insert(wanted.end(), endpoint.ports.begin(), endpoint.ports.end());
    }
    auto report = TRY(inner_->reconcile(networks, plain));
    {
      const std::lock_guard lock(mutex_);
      ports_.clear();
    }
    for (const auto& endpoint : endpoints) remember(endpoint);
    if (!forwards_) return report;
    const auto open_now = forwards_->list();
    if (!open_now) {  // the engine goes on without the host's ports, and says so
      report.problems.push_back(open_now.error());
      return report;
    }
    for (const auto& forward : *open_now) {
      const bool ours = std::any_of(wanted.begin(), wanted.end(), [&](const auto& port) { return same_host_port(port, forward.port); });
      if (!ours) TRY(forwards_->close(forward.port));
    }
    for (const auto& port : wanted) {
      if (auto opened = forwards_->open(port); !opened) report.problems.push_back(std::move(opened).error());
    }
    return report;
  }

 private:
  static bool same_host_port(const PublishedPort& a, const PublishedPort& b) {
    return a.protocol == b.protocol && a.host_ip == b.host_ip && a.host_port == b.host_port;
  }

  Result<> open(const std::vector<PublishedPort>& ports) const {
    if (!forwards_) return {};
    std::size_t done = 0;
    ScopeExit undo([&] {
      for (std::size_t i = 0; i < done; ++i) (void)forwards_->close(ports[i]);
    });
    for (; done < ports.size(); ++done) TRY(forwards_->open(ports[done]));
    undo.dismiss();
    return {};
  }

  void remember(const Endpoint& endpoint) {
    const std::lock_guard lock(mutex_);
    ports_[{endpoint.workload.str(), endpoint.network}] = endpoint.ports;
  }

  /// Takes what is known of an endpoint, or of all endpoints of a workload, out of the table.
  std::vector<PublishedPort> forget(const WorkloadId& workload, std::string_view network) {
    std::vector<PublishedPort> ports;
    const std::lock_guard lock(mutex_);
    std::erase_if(ports_, [&](const auto& entry) {
      if (entry.first.first != workload.str() || (!network.empty() && entry.first.second != network)) return false;
      ports.insert(ports.end(), entry.second.begin(), entry.second.end());
      return true;
    });
    return ports;
  }

  Result<> close(const std::vector<PublishedPort>& ports) const {
    if (!forwards_) return {};
    for (const auto& port : ports) TRY(forwards_->close(port));
    return {};
  }

  std::unique_ptr<Networks> inner_;
  std::optional<network::HostForwards> forwards_;
  std::mutex mutex_;
  std::map<std::pair<std::string, std::string>, std::vector<PublishedPort>> ports_;  ///< by workload and network, with host addresses
};

}  // namespace

std::vector<PublishedPort> with_host_addresses(std::vector<PublishedPort> ports, std::span<const network::PortSpec> wishes) {
  std::vector<std::size_t> given(wishes.size(), 0);
  for (auto& port : ports) {
    for (std::size_t i = 0; i < wishes.size(); ++i) {
      const auto& wish = wishes[i];
      const bool host =
          wish.host_first == 0 || (port.host_port >= wish.host_first && port.host_port <= std::max(wish.host_first, wish.host_last));
      const bool container = port.container_port >= wish.first && port.container_port <= std::max(wish.first, wish.last);
      const std::size_t size = static_cast<std::size_t>(std::max(wish.first, wish.last) - wish.first) + 1;
      if (wish.protocol != port.protocol || !host || !container || given[i] >= size) continue;
      ++given[i];
      port.host_ip = wish.host_ip;
      break;
    }
  }
  return ports;
}

std::unique_ptr<Networks> make_rootless_networks(std::unique_ptr<Networks> inner, std::optional<network::HostForwards> forwards) {
  return std::make_unique<RootlessNetworks>(std::move(inner), std::move(forwards));
}

}  // namespace fulcrum::control
