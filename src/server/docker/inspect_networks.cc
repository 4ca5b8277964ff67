// Where it is found: networks, addresses and ports.
#include "control/lifecycle.h"
#include "server/docker/container_inspect.h"

namespace fulcrum::server::docker {

namespace {

namespace wire = api::docker;

wire::PortMap view_ports(const api::Workload& workload, const oci::ImageConfig& image) {
  wire::PortMap out;
  for (const auto& port : container_ports(workload, image.config)) {
    auto& bindings = out[fmt::format("{}/{}", port.private_port, port.type)];
    if (port.public_port == 0) continue;
    if (!bindings) bindings.emplace();
    bindings->push_back({.host_ip = port.ip, .host_port = fmt::format("{}", port.public_port)});
  }
  return out;
}

/// The members that are older than networks: the default network's place once more.
void repeat(const wire::EndpointSettings& endpoint, wire::NetworkSettings& out) {
  out.endpoint_id = endpoint.endpoint_id;
  out.gateway = endpoint.gateway;
  out.global_ipv6_address = endpoint.global_ipv6_address;
  out.global_ipv6_prefix_len = endpoint.global_ipv6_prefix_len;
  out.ip_address = endpoint.ip_address;
  out.ip_prefix_len = endpoint.ip_prefix_len;
  out.ipv6_gateway = endpoint.ipv6_gateway;
  out.mac_address = endpoint.mac_address;
}

}  // namespace

wire::NetworkSettings view_networks(const api::Workload& workload, const oci::ImageConfig& image, const NetworkIds& ids) {
  wire::NetworkSettings out;
  out.networks = container_endpoints(workload, ids);
  if (const auto bridge = out.networks.find("bridge"); bridge != out.networks.end()) repeat(bridge->second, out);
  if (!control::is_active(workload.status.phase)) return out;
  out.ports = view_ports(workload, image);
  if (workload.status.pid == 0) return out;
  out.sandbox_id = workload.metadata.uid;
  if (workload.spec.network != "host") out.sandbox_key = fmt::format("/proc/{}/ns/net", workload.status.pid);
  return out;
}

}  // namespace fulcrum::server::docker
