#include <boost/json.hpp>

#include "control/plan.h"
#include "server/native/support.h"

namespace fulcrum::server::native {

namespace json = boost::json;

namespace {

using http::Request;
using http::ResponseWriter;

Result<> list(Api& api, Request& request, ResponseWriter& response) {
  TRY(only(request.query(), {"label"}));
  auto listed = TRY(api.engine.objects().list<api::Network>(control::kNetworks));
  const auto labels = request.query().all("label");
  std::erase_if(listed.items, [&](const auto& n) { return !labels_match(n.spec.labels, labels); });
  return response.send_json(200, list_json(listed.items, listed.revision));
}

Result<> create(Api& api, Request& request, ResponseWriter& response) {
  TRY(only(request.query(), {}));
  const auto spec = TRY(api::from_json<api::NetworkSpec>(TRY(request.read_body())));
  return response.send_json(201, api::to_json(TRY(control::create_network(api.engine.parts(), spec))));
}

Result<> inspect(Api& api, Request& request, ResponseWriter& response) {
  TRY(only(request.query(), {}));
  const auto& name = request.param("name");
  const auto stored = TRY(api.engine.objects().get<api::Network>(std::string(control::kNetworks) + name));
  if (!stored) return fail(Code::not_found, "no such network: {}", name);
  return response.send_json(200, api::to_json(stored->object));
}

Result<> remove(Api& api, Request& request, ResponseWriter& response) {
  TRY(only(request.query(), {}));
  TRY(control::remove_network(api.engine.parts(), request.param("name")));
  return response.send_empty(204);
}

Result<> prune(Api& api, Request& request, ResponseWriter& response) {
  TRY(only(request.query(), {"label"}));
  const auto labels = request.query().all("label");
  const auto chosen = [&](const api::Network& network) { return labels_match(network.spec.labels, labels); };
  std::string names;
  for (const auto& name : TRY(control::prune_networks(api.engine.parts(), chosen)))
    names += (names.empty() ? "" : ",") + http::json_quote(name);
  return response.send_json(200, fmt::format("{{\"deleted\":[{}]}}", names));
}

/// {"workload": name, …NetworkAttachment}
Result<std::pair<std::string, api::NetworkAttachment>> membership(Request& request) {
  boost::system::error_code error;
  auto body = json::parse(TRY(request.read_body()), error);
  if (error || !body.is_object()) return fail(Code::invalid_argument, "body: not a JSON object");
  auto& object = body.get_object();
  const auto* workload = object.if_contains("workload");
  if (workload == nullptr || !workload->is_string()) return fail(Code::invalid_argument, "workload: is required");
  const std::string name(workload->get_string());
  object.erase("workload");
  object["name"] = request.param("name");
  return std::pair(name, TRY(api::from_json<api::NetworkAttachment>(json::serialize(body))));
}

Result<> connect(Api& api, Request& request, ResponseWriter& response) {
  TRY(only(request.query(), {}));
  auto [workload, attachment] = TRY(membership(request));
  TRY(api.engine.connect(request.param("name"), workload, std::move(attachment), call_of(request, response)));
  return response.send_empty(204);
}

Result<> disconnect(Api& api, Request& request, ResponseWriter& response) {
  TRY(only(request.query(), {}));
  const auto [workload, attachment] = TRY(membership(request));
  TRY(api.engine.disconnect(request.param("name"), workload, call_of(request, response)));
  return response.send_empty(204);
}

}  // namespace

void add_network_routes(http::Router& router, Api& api) {
  const auto on = [&](std::string_view method, std::string_view path, auto handler) { router.add(method, path, bind(api, handler)); };
  on("GET", "/v1/networks", list);
  on("POST", "/v1/networks", create);
  on("POST", "/v1/networks/prune", prune);
  on("GET", "/v1/networks/{name}", inspect);
  on("DELETE", "/v1/networks/{name}", remove);
  on("POST", "/v1/networks/{name}/connect", connect);
  on("POST", "/v1/networks/{name}/disconnect", disconnect);
}

}  // namespace fulcrum::server::native
