// POST /auth: whether a registry takes a credential. Nothing is kept: clients keep their credentials themselves.
#include <chrono>

#include "api/docker/system_schema.h"
#include "image/registry/credentials.h"
#include "server/docker/engine_operations.h"
#include "server/docker/registry_errors.h"
#include "server/docker/registry_host.h"
#include "server/docker/support.h"

namespace fulcrum::server::docker {

namespace {

using namespace std::chrono_literals;

/// Long enough for a token server far away; a client waits for it.
constexpr auto kLoginTimeout = 30s;

Result<> auth(Api& api, Request& request, ResponseWriter& response) {
  const auto config = TRY(schema::decode_text<api::docker::AuthConfig>(TRY(request.read_body()), schema::UnknownFields::reject_set,
                                                                       schema::MemberNames::any_case));
  const auto domain = registry_host(config.server_address);
  const auto taken = api.native.registry.login(domain, TRY(credential_of(config)), request.stop(), Deadline::in(kLoginTimeout));
  if (taken) return response.send_json(200, schema::encode_text(api::docker::AuthAnswer{.status = "Login Succeeded"}));
  const auto code = taken.error().code;
  if (code == Code::unauthenticated || code == Code::permission_denied)
    return fail(Code::unauthenticated, "{}: unauthorized: incorrect username or password", taken.error().message);
  if (code == Code::invalid_argument) return std::unexpected(taken.error());
  return fail(Code::internal, "{}", taken.error().message);  // 500, as the API describes, whatever was wrong on the way
}

constexpr Operation kOperations[] = {
    {.method = "POST", .path = "/auth", .handle = auth, .options = {.max_body = 1 << 20}},
};

}  // namespace

std::string registry_host(std::string_view address) {
  for (const std::string_view scheme : {"https://", "http://"})
    if (address.starts_with(scheme)) address.remove_prefix(scheme.size());
  address = address.substr(0, address.find('/'));
  return std::string(address.empty() || address == "index.docker.io" || address == "registry-1.docker.io" ? "docker.io" : address);
}

std::span<const Operation> auth_operations() { return kOperations; }

}  // namespace fulcrum::server::docker
