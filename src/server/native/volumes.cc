#include "server/native/support.h"

namespace fulcrum::server::native {

namespace {

using http::Request;
using http::ResponseWriter;

Result<> list(Api& api, Request& request, ResponseWriter& response) {
  TRY(only(request.query(), {"label"}));
  auto listed = TRY(api.engine.objects().list<api::Volume>(control::kVolumes));
  const auto labels = request.query().all("label");
  // One that is on its way out is gone for who looks; the collector removes its data.
  std::erase_if(listed.items, [&](const auto& v) { return v.metadata.deleting || !labels_match(v.spec.labels, labels); });
  return response.send_json(200, list_json(listed.items, listed.revision));
}

Result<> create(Api& api, Request& request, ResponseWriter& response) {
  TRY(only(request.query(), {}));
  auto spec = TRY(api::from_json<api::VolumeSpec>(TRY(request.read_body())));
  const bool anonymous = spec.name.empty();
  if (anonymous) spec.name = control::new_uid();
  return response.send_json(201, api::to_json(TRY(control::ensure_volume(api.engine.parts(), spec, anonymous, true))));
}

Result<api::Volume> find(Api& api, const std::string& name) {
  const auto stored = TRY(api.engine.objects().get<api::Volume>(std::string(control::kVolumes) + name));
  if (!stored) return fail(Code::not_found, "no such volume: {}", name);
  return stored->object;
}

Result<> inspect(Api& api, Request& request, ResponseWriter& response) {
  TRY(only(request.query(), {}));
  return response.send_json(200, api::to_json(TRY(find(api, request.param("name")))));
}

Result<> remove(Api& api, Request& request, ResponseWriter& response) {
  TRY(only(request.query(), {"force"}));
  const auto removed = control::remove_volume(api.engine.parts(), request.param("name"));
  const bool force = TRY(request.query().boolean("force", false));  // force: absence is success; a volume in use stays
  if (!removed && !(force && removed.error().code == Code::not_found)) return removed;
  return response.send_empty(204);
}

Result<> prune(Api& api, Request& request, ResponseWriter& response) {
  TRY(only(request.query(), {"all", "label"}));
  const bool all = TRY(request.query().boolean("all", false));
  const auto labels = request.query().all("label");
  const auto chosen = [&](const api::Volume& volume) { return (all || volume.anonymous) && labels_match(volume.spec.labels, labels); };
  const auto pruned = TRY(control::prune_volumes(api.engine.parts(), chosen));
  std::string names;
  for (const auto& name : pruned.names) names += (names.empty() ? "" : ",") + http::json_quote(name);
  return response.send_json(200, fmt::format("{{\"deleted\":[{}],\"bytes\":{}}}", names, pruned.bytes));
}

}  // namespace

void add_volume_routes(http::Router& router, Api& api) {
  const auto on = [&](std::string_view method, std::string_view path, auto handler) { router.add(method, path, bind(api, handler)); };
  on("GET", "/v1/volumes", list);
  on("POST", "/v1/volumes", create);
  on("POST", "/v1/volumes/prune", prune);
  on("GET", "/v1/volumes/{name}", inspect);
  on("DELETE", "/v1/volumes/{name}", remove);
}

}  // namespace fulcrum::server::native
