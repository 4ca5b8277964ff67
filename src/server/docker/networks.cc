// Networks: the engine's bridges, and bridge, host and none, which Docker's clients expect to be there always.
#include <algorithm>

#include "api/docker/network_schema.h"
#include "control/plan.h"
#include "control/workload/attachments.h"
#include "image/digest.h"
#include "server/docker/body.h"
#include "server/docker/network_view.h"

namespace fulcrum::server::docker {

namespace {

namespace wire = api::docker;

/// Before it, the list of networks told who is in them.
constexpr ApiVersion kShortListSince{1, 28};
constexpr int kTries = 3;

/// The network that is always there, made on first need: its ID and subnet must be known.
Result<api::Network> default_network(Api& api) {
  for (int i = 1;; ++i) {
    auto network = control::ensure_network(api.native.engine.parts(), std::string(control::kDefaultNetwork));
    if (network || network.error().code != Code::aborted || i == kTries) return network;  // aborted: another request makes it
  }
}

/// host and none are no objects of the engine: their IDs follow from that of the default network.
api::Network special(const api::Network& standard, std::string name) {
  api::Network out{.metadata = standard.metadata, .spec = {.name = name, .driver = name, .attachable = false}, .bridge = {}};
  out.metadata.uid = std::string(image::digest_hex(image::digest_of(standard.metadata.uid + " " + name)));
  return out;
}

Result<std::vector<api::Network>> all_networks(Api& api) {
  const auto standard = TRY(default_network(api));
  auto networks = TRY(api.native.engine.objects().list<api::Network>(control::kNetworks)).items;
  networks.push_back(special(standard, "host"));
  networks.push_back(special(standard, "none"));
  return networks;
}

}  // namespace

Result<api::Network> find_network(Api& api, std::string_view reference) { return pick_network(TRY(all_networks(api)), reference); }

namespace {

Result<> list(Api& api, Request& request, ResponseWriter& response) {
  const auto filters = TRY(Filters::parse(request.query(), {"dangling", "driver", "id", "label", "name", "scope", "type"}));
  const auto workloads = TRY(api.native.engine.objects().workloads()).items;
  const auto networks = TRY(filter_networks(TRY(all_networks(api)), filters, workloads));
  const auto* members = version_of(request) < kShortListSince ? &workloads : nullptr;
  std::vector<wire::NetworkResource> views;
  for (const auto& network : networks) views.push_back(network_view(network, members));
  return send_struct(response, 200, views);
}

Result<> inspect(Api& api, Request& request, ResponseWriter& response) {
  const auto verbose = request.query().boolean("verbose", false);
  if (!verbose) return fail(Code::invalid_argument, "invalid value for verbose: {}", request.query().get_or("verbose", ""));
  const auto& reference = request.param("id");
  const auto network = TRY(find_network(api, reference));
  const auto scope = request.query().get_or("scope", "");
  if (!scope.empty() && scope != "local") return fail(Code::not_found, "network {} not found", reference);
  const auto workloads = TRY(api.native.engine.objects().workloads()).items;
  return send_struct(response, 200, network_view(network, &workloads));
}

Result<> create(Api& api, Request& request, ResponseWriter& response) {
  const auto wish = TRY(body_of<wire::NetworkCreate>(request));
  const auto spec = TRY(network_spec(wish));
  if (TRY(api.native.engine.objects().get<api::Network>(std::string(control::kNetworks) + spec.name)))
    return fail(Code::already_exists, "network with name {} already exists", spec.name);
  const auto made = TRY(control::create_network(api.native.engine.parts(), spec));
  return send_struct(response, 201, wire::NetworkCreated{.id = made.metadata.uid, .warning = {}});
}

/// host and none are modes of a container, chosen when it is created.
Result<> check_joinable(const api::Network& network, const api::Workload& container) {
  if (network.spec.name == "host")
    return fail(Code::invalid_argument, "cannot connect container to host network - container must be created in host network mode");
  if (network.spec.name == "none")
    return fail(Code::invalid_argument,
                "container cannot be connected to multiple networks with one of the networks in private (none) mode");
  if (container.spec.network == "host" || container.spec.network.starts_with("container:"))
    return fail(Code::invalid_argument,
                "container sharing network namespace with another container or host cannot be connected to any other network");
  return {};
}

Result<> connect(Api& api, Request& request, ResponseWriter& response) {
  const auto wish = TRY(body_of<wire::NetworkConnect>(request));
  const auto container = TRY(find_container(api, wish.container));
  const auto network = TRY(find_network(api, request.param("id")));
  TRY(check_joinable(network, container));
  const auto place = TRY(network_attachment(network.spec.name, wish.endpoint_config.value_or(wire::EndpointSettings{})));
  auto& engine = api.native.engine;
  const auto call = call_of(request, response);
  auto joined = engine.connect(network.spec.name, container.metadata.uid, place, call);
  if (!joined && joined.error().code == Code::already_exists && !control::is_active(container.status.phase)) {
    TRY(engine.disconnect(network.spec.name, container.metadata.uid, call));  // it does not run: the last wish counts
    joined = engine.connect(network.spec.name, container.metadata.uid, place, call);
  }
  if (!joined && joined.error().code == Code::already_exists)
    return fail(Code::permission_denied, "endpoint with name {} already exists in network {}", container.spec.name,
                docker_network_name(network.spec.name));
  TRY(joined);
  return response.send_empty(200);
}

Result<> disconnect(Api& api, Request& request, ResponseWriter& response) {
  const auto wish = TRY(body_of<wire::NetworkDisconnect>(request));
  const auto container = find_container(api, wish.container);
  if (!container && container.error().code == Code::not_found && wish.force) {
    TRY(find_network(api, request.param("id")));
    return response.send_empty(200);  // a container that is gone has left
  }
  TRY(container);
  const auto network = TRY(find_network(api, request.param("id")));
  if (container->spec.network == "host" && network.spec.name == "host")
    return fail(Code::invalid_argument, "cannot disconnect container from host network - container was created in host network mode");
  if (container->spec.network == "none" && network.spec.name == "none") return response.send_empty(200);  // and may join another now
  const auto wanted = control::wanted_networks(container->spec);
  if (std::find(wanted.begin(), wanted.end(), network.spec.name) == wanted.end())
    return fail(Code::permission_denied, "container {} is not connected to network {}", container->metadata.uid,
                docker_network_name(network.spec.name));
  TRY(api.native.engine.disconnect(network.spec.name, container->metadata.uid, call_of(request, response)));
  return response.send_empty(200);
}

Result<> remove(Api& api, Request& request, ResponseWriter& response) {
  const auto network = TRY(find_network(api, request.param("id")));
  const auto& name = network.spec.name;
  if (is_predefined_network(name))
    return fail(Code::permission_denied, "{} is a pre-defined network and cannot be removed", docker_network_name(name));
  const auto removed = control::remove_network(api.native.engine.parts(), name);
  if (!removed && removed.error().code == Code::failed_precondition) {
    std::string users;
    for (const auto& user : TRY(control::network_users(api.native.engine.parts(), name)))
      users += fmt::format("{}name:\"{}\"", users.empty() ? "" : ", ", user);
    return fail(Code::permission_denied, "error while removing network: network {} has active endpoints ({})", name, users);
  }
  TRY(removed);
  return response.send_empty(204);
}

Result<> prune(Api& api, Request& request, ResponseWriter& response) {
  const auto filters = TRY(Filters::parse(request.query(), {"label", "label!", "until"}));
  std::optional<Time> until;
  if (filters.get("until").size() > 1) return fail(Code::invalid_argument, "more than one until filter specified");
  auto& objects = api.native.engine.objects();
  for (const auto& text : filters.get("until")) {
    http::Query query;
    query.add("until", text);
    until = TRY(native::time_parameter(query, "until", objects.clock().now()));
  }
  const auto chosen = [&](const api::Network& network) {
    return filters.labels(network.spec.labels) && (!until || network.metadata.created <= *until);
  };
  const wire::NetworksPruned report{.networks_deleted = TRY(control::prune_networks(api.native.engine.parts(), chosen))};
  TRY(objects.record({objects.event("network", "prune", "", "", {{"reclaimed", "0"}})}));
  return send_struct(response, 200, report);
}

constexpr Operation kOperations[] = {
    {.method = "GET", .path = "/networks", .handle = list},
    {.method = "GET", .path = "/networks/{id}", .handle = inspect},
    {.method = "POST",
     .path = "/networks/create",
     .handle = create,
     .standing = Standing::degrades,
     .note = "the bridge driver only, with one IPv4 and one IPv6 subnet; Ingress, ConfigOnly, ConfigFrom, EnableIPv4=false and unknown "
             "options are refused by name"},
    {.method = "POST",
     .path = "/networks/{id}/connect",
     .handle = connect,
     .standing = Standing::degrades,
     .note = "Links, DriverOpts and LinkLocalIPs are refused by name"},
    {.method = "POST", .path = "/networks/{id}/disconnect", .handle = disconnect},
    {.method = "DELETE",
     .path = "/networks/{id}",
     .handle = remove,
     .standing = Standing::degrades,
     .note = "refused while a stopped container names the network, too: it could not start again"},
    {.method = "POST", .path = "/networks/prune", .handle = prune},
};

}  // namespace

std::span<const Operation> network_operations() { return kOperations; }

}  // namespace fulcrum::server::docker
