// What the controllers need of images and networks, as interfaces, so that their tests need neither registry nor kernel.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "api/oci/image_spec.h"
#include "api/workload/workload.h"
#include "base/error.h"
#include "base/id.h"
#include "base/unique_fd.h"
#include "base/wait.h"
#include "image/image_store.h"
#include "network/network.h"

namespace fulcrum::control {

/// Images as workloads use them. Thread-safe.
class Images {
 public:
  virtual ~Images() = default;
  /// Errors: not_found.
  [[nodiscard]] virtual Result<image::ResolvedImage> resolve(const std::string& reference) = 0;
  /// Fetches from the registry that the reference names. Blocks as long as that takes.
  [[nodiscard]] virtual Result<> pull(const std::string& reference, const std::string& platform, const StopSource& stop) = 0;
  [[nodiscard]] virtual Result<> hold(const image::ImageId& id, const std::string& holder) = 0;
  [[nodiscard]] virtual Result<> release(const std::string& holder) = 0;
  /// Everybody who holds an image.
  [[nodiscard]] virtual Result<std::vector<std::string>> holders() = 0;
};

/// Networks as workloads use them: network::Manager behind an interface, with the same contracts. Thread-safe.
class Networks {
 public:
  virtual ~Networks() = default;
  [[nodiscard]] virtual Result<network::Network> plan_network(const network::NetworkConfig& config) = 0;
  [[nodiscard]] virtual Result<network::Network> create_network(const network::NetworkConfig& config) = 0;
  [[nodiscard]] virtual Result<> remove_network(std::string_view name) = 0;
  [[nodiscard]] virtual Result<network::Network> network(std::string_view name) = 0;
  [[nodiscard]] virtual Result<network::Endpoint> reserve(const network::AttachRequest& request) = 0;
  [[nodiscard]] virtual Result<> plug_veth(const network::Endpoint& endpoint, int netns_fd) = 0;
  [[nodiscard]] virtual Result<> detach(const WorkloadId& workload, std::string_view network) = 0;
  [[nodiscard]] virtual Result<> detach_all(const WorkloadId& workload) = 0;
  [[nodiscard]] virtual std::vector<network::Endpoint> endpoints(const WorkloadId& workload) = 0;
  virtual void set_ready(const WorkloadId& workload, bool ready) = 0;
  [[nodiscard]] virtual Result<> set_names(const WorkloadId& workload, std::string_view network, std::vector<std::string> names,
                                           std::vector<std::string> services) = 0;
  [[nodiscard]] virtual Result<std::vector<network::EndpointStats>> stats(const WorkloadId& workload) = 0;
  [[nodiscard]] virtual Result<network::ReconcileReport> reconcile(std::span<const network::Network> networks,
                                                                   std::span<const network::Endpoint> endpoints) = 0;
};

/// The real one. The manager must outlive it.
std::unique_ptr<Networks> make_networks(network::Manager& manager);

/// An endpoint as it is stored, and back. Errors: data_loss.
std::string endpoint_to_json(const network::Endpoint& endpoint);
[[nodiscard]] Result<network::Endpoint> endpoint_from_json(std::string_view text);

/// What a user declares of a network, in the network module's terms. Errors: invalid_argument, unimplemented (names the option).
[[nodiscard]] Result<network::NetworkConfig> network_config(const api::NetworkSpec& spec);
/// The declaration with every choice of the module filled in.
api::NetworkSpec network_spec(const network::Network& network, const api::NetworkSpec& declared);

}  // namespace fulcrum::control
