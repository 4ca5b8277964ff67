// Plugins, BuildKit's sessions and gRPC: this engine has none of them, and says so.
#include "server/docker/engine_operations.h"
#include "server/docker/support.h"

namespace fulcrum::server::docker {

namespace {

constexpr std::string_view kNoPlugins =
    "this engine loads no plugins: its volume, network and log drivers are built in (docker info lists them)";
constexpr std::string_view kNoBuildKit =
    "this engine has no BuildKit: build with DOCKER_BUILDKIT=0 docker build, or with fulcrum build; GET /_ping says Builder-Version: 1";

Result<> list(Api&, Request&, ResponseWriter& response) { return response.send_json(200, "[]"); }

/// By name: as for a plugin that is not installed.
Result<> no_such_plugin(Api&, Request& request, ResponseWriter&) {
  return fail(Code::not_found, "plugin \"{}\" not found", request.param("name"));
}

constexpr Operation degraded(std::string_view method, std::string_view path, Handle handle) {
  return {.method = method, .path = path, .handle = handle, .standing = Standing::degrades, .note = kNoPlugins};
}
constexpr Operation refused(std::string_view method, std::string_view path, std::string_view note = kNoPlugins) {
  return {.method = method, .path = path, .standing = Standing::refused, .note = note};
}

constexpr Operation kOperations[] = {
    degraded("GET", "/plugins", list),
    refused("GET", "/plugins/privileges"),
    refused("POST", "/plugins/pull"),
    refused("POST", "/plugins/create"),
    degraded("GET", "/plugins/{name...}/json", no_such_plugin),
    degraded("DELETE", "/plugins/{name...}", no_such_plugin),
    degraded("POST", "/plugins/{name...}/enable", no_such_plugin),
    degraded("POST", "/plugins/{name...}/disable", no_such_plugin),
    degraded("POST", "/plugins/{name...}/upgrade", no_such_plugin),
    degraded("POST", "/plugins/{name...}/push", no_such_plugin),
    degraded("POST", "/plugins/{name...}/set", no_such_plugin),
    refused("POST", "/session", kNoBuildKit),
    refused("POST", "/grpc", kNoBuildKit),
};

}  // namespace

std::span<const Operation> plugin_operations() { return kOperations; }

}  // namespace fulcrum::server::docker
