#include "server/docker/registry_errors.h"

#include <algorithm>

#include "api/docker/system_schema.h"
#include "image/registry/credentials.h"

namespace fulcrum::server::docker {

Result<image::registry::Credential> credential_of(const api::docker::AuthConfig& config) {
  image::registry::Credential credential{.username = config.username,
                                         .password = config.password,
                                         .identity_token = config.identity_token,
                                         .registry_token = config.registry_token};
  if (credential.username.empty() && !config.auth.empty()) {
    const auto decoded = TRY(image::registry::decode_base64(config.auth), "auth");
    const auto colon = decoded.find(':');
    if (colon == std::string::npos) return fail(Code::invalid_argument, "auth: not user:password");
    credential.username = decoded.substr(0, colon);
    credential.password = decoded.substr(colon + 1);
  }
  return credential;
}

Result<image::registry::Credential> credential_of(const http::Headers& headers) {
  std::string text(headers.get("X-Registry-Auth").value_or(""));
  std::replace(text.begin(), text.end(), '-', '+');
  std::replace(text.begin(), text.end(), '_', '/');
  if (text.empty()) return image::registry::Credential{};
  const auto json = image::registry::decode_base64(text);
  const auto auth = json ? schema::decode_text<api::docker::AuthConfig>(*json, schema::UnknownFields::ignore)
                         : Result<api::docker::AuthConfig>(std::unexpected(json.error()));
  if (!auth) {
    if (json && *json == "null") return image::registry::Credential{};
    return fail(Code::invalid_argument, "invalid X-Registry-Auth header: {}", auth.error().message);
  }
  return TRY(credential_of(*auth), "invalid X-Registry-Auth header");
}

Error registry_error(const Error& error, const image::Reference& reference, std::string_view verb, bool known) {
  const std::string_view text = error.message;
  switch (error.code) {
    case Code::cancelled:
    case Code::invalid_argument: return error;
    case Code::unimplemented: return {Code::invalid_argument, error.message};  // e.g. schema 1
    case Code::unauthenticated:
      if (verb == "push") return {Code::unauthenticated, "unauthorized: authentication required - " + error.message};
      return {known ? Code::unauthenticated : Code::not_found,
              fmt::format("{} access denied for {}, repository does not exist or may require 'docker login': {}", verb,
                          reference.familiar_name(), error.message)};
    case Code::permission_denied:
      if (verb == "push") return {Code::permission_denied, "denied: requested access to the resource is denied - " + error.message};
      return {Code::not_found, fmt::format("{} access denied for {}, repository does not exist or may require 'docker login': {}", verb,
                                           reference.familiar_name(), error.message)};
    case Code::not_found:
      if (text.find("NAME_UNKNOWN") != std::string_view::npos)
        return {Code::not_found, fmt::format("repository {} not found: {}", reference.familiar_name(), error.message)};
      return {Code::not_found, fmt::format("manifest for {} not found: {}", reference.familiar(), error.message)};
    default: return {Code::internal, error.message};
  }
}

}  // namespace fulcrum::server::docker
