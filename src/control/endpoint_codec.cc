#include <boost/json.hpp>

#include "control/mechanisms.h"

namespace fulcrum::control {

namespace json = boost::json;

namespace {

template <class T>
json::array strings(const std::vector<T>& items) {
  json::array array;
  for (const auto& item : items) {
    if constexpr (std::is_same_v<T, std::string>) {
      array.emplace_back(item);
    } else {
      array.emplace_back(item.str());
    }
  }
  return array;
}

/// Reads members of an object that this engine wrote itself; anything else is damage.
class Reader {
 public:
  explicit Reader(const json::object& object) : object_(object) {}
  std::string text(const char* name) const {
    const auto* value = object_.if_contains(name);
    return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string();
  }
  std::int64_t number(const char* name, std::int64_t fallback) const {
    const auto* value = object_.if_contains(name);
    return value != nullptr && value->is_int64() ? value->get_int64() : fallback;
  }
  std::vector<std::string> texts(const char* name) const {
    std::vector<std::string> result;
    const auto* value = object_.if_contains(name);
    if (value == nullptr || !value->is_array()) return result;
    for (const auto& element : value->get_array())
      if (element.is_string()) result.emplace_back(element.get_string());
    return result;
  }
  const json::array* array(const char* name) const {
    const auto* value = object_.if_contains(name);
    return value != nullptr ? value->if_array() : nullptr;
  }

 private:
  const json::object& object_;
};

Result<network::PublishedPort> port_from(const json::value& value) {
  const auto* object = value.if_object();
  if (object == nullptr) return fail(Code::data_loss, "stored port is no object");
  const Reader reader(*object);
  network::PublishedPort port;
  if (const auto ip = reader.text("hostIp"); !ip.empty()) port.host_ip = TRY(network::IpAddress::parse(ip));
  port.host_port = static_cast<std::uint16_t>(reader.number("hostPort", 0));
  port.container_port = static_cast<std::uint16_t>(reader.number("port", 0));
  port.protocol = reader.text("protocol") == "udp" ? network::Protocol::udp : network::Protocol::tcp;
  return port;
}

Result<network::Endpoint> endpoint_from(const json::object& object) {
  const Reader reader(object);
  network::Endpoint endpoint{.workload = WorkloadId(reader.text("workload")),
                             .network = reader.text("network"),
                             .ifname = reader.text("ifname"),
                             .host_ifname = reader.text("hostIfname"),
                             .mac = TRY(network::MacAddress::parse(reader.text("mac"))),
                             .mtu = static_cast<unsigned>(reader.number("mtu", 1500)),
                             .names = reader.texts("names"),
                             .services = reader.texts("services"),
                             .ready = reader.number("ready", 1) != 0};
  for (const auto& text : reader.texts("addresses")) endpoint.addresses.push_back(TRY(network::Prefix::parse(text)));
  for (const auto& text : reader.texts("gateways")) endpoint.gateways.push_back(TRY(network::IpAddress::parse(text)));
  if (const auto* ports = reader.array("ports"))
    for (const auto& port : *ports) endpoint.ports.push_back(TRY(port_from(port)));
  return endpoint;
}

}  // namespace

std::string endpoint_to_json(const network::Endpoint& endpoint) {
  json::array ports;
  for (const auto& port : endpoint.ports)
    ports.push_back({{"hostIp", port.host_ip ? port.host_ip->str() : std::string()},
                     {"hostPort", std::int64_t{port.host_port}},
                     {"port", std::int64_t{port.container_port}},
                     {"protocol", std::string(network::to_string(port.protocol))}});
  const json::object object{{"workload", endpoint.workload.str()},
                            {"network", endpoint.network},
                            {"ifname", endpoint.ifname},
                            {"hostIfname", endpoint.host_ifname},
                            {"mac", endpoint.mac.str()},
                            {"mtu", std::int64_t{endpoint.mtu}},
                            {"ready", std::int64_t{endpoint.ready ? 1 : 0}},
                            {"addresses", strings(endpoint.addresses)},
                            {"gateways", strings(endpoint.gateways)},
                            {"names", strings(endpoint.names)},
                            {"services", strings(endpoint.services)},
                            {"ports", std::move(ports)}};
  return json::serialize(object);
}

Result<network::Endpoint> endpoint_from_json(std::string_view text) {
  boost::system::error_code error;
  const auto value = json::parse(json::string_view(text.data(), text.size()), error);
  if (error || !value.is_object()) return fail(Code::data_loss, "stored endpoint is no JSON object");
  auto endpoint = endpoint_from(value.get_object());
  if (!endpoint) endpoint.error().code = Code::data_loss;
  return endpoint;
}

}  // namespace fulcrum::control
