// The classic builder: POST /build.
#include <algorithm>

#include "api/docker/build_schema.h"
#include "api/docker/system_schema.h"
#include "base/scope_exit.h"
#include "base/sys.h"
#include "image/build/prune.h"
#include "image/registry/credentials.h"
#include "server/docker/build_printer.h"
#include "server/docker/build_request.h"
#include "server/docker/support.h"
#include "server/native/build_support.h"
#include "server/native/stop_when_gone.h"

namespace fulcrum::server::docker {

namespace {

/// X-Registry-Config: credentials by registry, JSON in base64url. One that cannot be read counts as none, as the Docker engine has it.
std::map<std::string, api::docker::AuthConfig> registry_config(const Request& request) {
  std::string text(request.headers().get("X-Registry-Config").value_or(""));
  if (text.empty()) return {};
  std::replace(text.begin(), text.end(), '-', '+');
  std::replace(text.begin(), text.end(), '_', '/');
  const auto decoded = image::registry::decode_base64(text);
  if (!decoded) return {};
  auto parsed = schema::decode_text<std::map<std::string, api::docker::AuthConfig>>(*decoded);
  return parsed ? std::move(*parsed) : std::map<std::string, api::docker::AuthConfig>{};
}

/// The registry client for a base image, when the request brings credentials for its registry.
auto registry_chooser(Api& api, std::map<std::string, api::docker::AuthConfig> credentials) {
  return [&api, credentials = std::move(credentials)](const image::Reference& reference) -> std::optional<image::registry::Client> {
    for (const auto& key : {reference.domain, "https://" + reference.domain, "https://index." + reference.domain + "/v1/"}) {
      const auto found = credentials.find(key);
      if (found == credentials.end()) continue;
      const auto& auth = found->second;
      return api.native.registry_as({.username = auth.username, .password = auth.password, .identity_token = auth.identity_token},
                                    reference.domain, false);
    }
    return std::nullopt;
  };
}

Result<> build(Api& api, Request& request, ResponseWriter& response) {
  auto options = TRY(parse_build_options(request.query()));
  options.request.registry = registry_chooser(api, registry_config(request));
  auto& builder = api.native.builder;
  const auto folder = TRY(builder.context_folder());
  const ScopeExit clean([&] { static_cast<void>(sys::remove_tree(folder)); });
  auto context = options.remote.empty() ? TRY(native::receive_context(request, folder))
                                        : TRY(native::fetch_context(options.remote, folder, request.stop()));
  const auto prepared = TRY(builder.prepare(std::move(options.request), context));
  BuildPrinter printer(response, prepared, folder, options.quiet);
  TRY(printer.begin());
  std::optional<image::build::FailedCommand> failed;
  const auto built = [&] {
    const native::StopWhenGone gone(request, response);
    return builder.build(prepared, context, printer, gone.stop(), &failed);
  }();
  if (built) TRY(native::tell_built(api.native, prepared, *built));
  return printer.finish(built, failed);
}

Result<> cancel(Api& api, Request& request, ResponseWriter& response) {
  const auto id = request.query().get_or("id", "");
  if (id.empty()) return fail(Code::invalid_argument, "build ID not provided");
  api.native.builder.cancel(std::string(id));  // one that has ended needs no end
  return response.send_empty(200);
}

Result<> prune(Api& api, Request& request, ResponseWriter& response) {
  const auto& query = request.query();
  const auto filters = TRY(Filters::parse(query, {"until", "unused-for", "id", "description", "inuse", "private", "shared", "type"}));
  image::build::CachePrune spec{.all = TRY(query.boolean("all", false)),
                                .unused_since = {},
                                .ids = filters.get("id"),
                                .comments = filters.get("description"),
                                .in_use = TRY(filters.boolean("inuse"))};
  for (const auto* name : {"keep-storage", "reserved-space"})
    if (!query.get_or(name, "").empty()) spec.keep_bytes = static_cast<std::uint64_t>(TRY(query.integer(name, 0, 0)));
  for (const auto* name : {"max-used-space", "min-free-space"})
    if (!query.get_or(name, "").empty() && TRY(query.integer(name, 0, 0)) != 0)
      return fail(Code::unimplemented, "{}: use keep-storage", name);
  for (const auto* name : {"private", "shared", "type"})
    if (filters.has(name)) return fail(Code::unimplemented, "filter {}: this cache has no such thing", name);
  for (const auto* name : {"until", "unused-for"}) {
    if (!filters.has(name)) continue;
    if (filters.get(name).size() > 1) return fail(Code::invalid_argument, "filter {}: more than one", name);
    spec.unused_since = api.native.engine.objects().clock().now() - TRY(parse_duration(filters.get(name).front()), "filter {}", name);
  }
  const auto pruned = TRY(image::build::prune_cache(api.native.images, spec));
  api::docker::BuildPruned answer{.caches_deleted = std::nullopt, .space_reclaimed = static_cast<std::int64_t>(pruned.bytes)};
  if (!pruned.keys.empty()) answer.caches_deleted = pruned.keys;
  return response.send_json(200, schema::encode_text(answer));
}

constexpr http::RouteOptions kUpload{.max_body = std::size_t{256} << 30};

constexpr Operation kOperations[] = {
    {.method = "POST",
     .path = "/build",
     .handle = build,
     .standing = Standing::degrades,
     .note = "the classic builder's protocol; BuildKit (version=2), squash, outputs and git contexts are refused, and the containers of "
             "steps are always removed",
     .options = kUpload},
    {.method = "POST", .path = "/build/prune", .handle = prune},
    {.method = "POST", .path = "/build/cancel", .handle = cancel},
};

}  // namespace

std::span<const Operation> build_operations() { return kOperations; }

}  // namespace fulcrum::server::docker
