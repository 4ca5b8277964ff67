// Swarm, nodes, services, tasks, secrets, configs: answered as an engine outside a swarm does.
#include "server/docker/support.h"

namespace fulcrum::server::docker {

namespace {

// Docker's own words: clients match on them.
constexpr std::string_view kNoManager =
    "This node is not a swarm manager. Use \"docker swarm init\" or \"docker swarm join\" to connect this node to swarm and try again.";
constexpr std::string_view kNotInSwarm = "This node is not part of a swarm";
constexpr std::string_view kNoSwarms = "Fulcrum forms no swarms, and joins none: this engine serves one machine";

constexpr Operation refused(std::string_view method, std::string_view path, std::string_view note = kNoManager, int status = 503) {
  return {.method = method, .path = path, .standing = Standing::refused, .note = note, .refusal_status = status};
}

constexpr Operation kOperations[] = {
    refused("GET", "/swarm"),
    refused("POST", "/swarm/init", kNoSwarms, 501),
    refused("POST", "/swarm/join", kNoSwarms, 501),
    refused("POST", "/swarm/leave", kNotInSwarm),
    refused("POST", "/swarm/update"),
    refused("GET", "/swarm/unlockkey"),
    refused("POST", "/swarm/unlock"),
    refused("GET", "/nodes"),
    refused("GET", "/nodes/{id}"),
    refused("DELETE", "/nodes/{id}"),
    refused("POST", "/nodes/{id}/update"),
    refused("GET", "/services"),
    refused("POST", "/services/create"),
    refused("GET", "/services/{id}"),
    refused("DELETE", "/services/{id}"),
    refused("POST", "/services/{id}/update"),
    refused("GET", "/services/{id}/logs"),
    refused("GET", "/tasks"),
    refused("GET", "/tasks/{id}"),
    refused("GET", "/tasks/{id}/logs"),
    refused("GET", "/secrets"),
    refused("POST", "/secrets/create"),
    refused("GET", "/secrets/{id}"),
    refused("DELETE", "/secrets/{id}"),
    refused("POST", "/secrets/{id}/update"),
    refused("GET", "/configs"),
    refused("POST", "/configs/create"),
    refused("GET", "/configs/{id}"),
    refused("DELETE", "/configs/{id}"),
    refused("POST", "/configs/{id}/update"),
};

}  // namespace

std::span<const Operation> swarm_operations() { return kOperations; }

}  // namespace fulcrum::server::docker
