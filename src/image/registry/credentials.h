// Credentials as the docker CLI keeps them: config.json and its helper programs.
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"
#include "image/registry/bounds.h"
#include "image/registry/options.h"

namespace fulcrum::image::registry {

/// Looks a registry up in a docker config.json text: credHelpers[domain], then credsStore, then auths. Keys of auths may be a host or an
/// address ("https://host/v1/"); docker.io is found as "https://index.docker.io/v1/" too. Nothing found: an empty credential.
/// Helpers are run as `docker-credential-<name> get` (found in PATH) with the registry on standard input.
/// Errors: invalid_argument for a file that is not such JSON; failed_precondition when a helper fails.
[[nodiscard]] Result<Credential> find_credential(std::string_view config_json, const std::string& domain, const Bounds& bounds);

/// The credential for a domain: options.credentials, else options.docker_config, else an empty one.
[[nodiscard]] Result<Credential> credential_for(const Options& options, const std::string& domain, const Bounds& bounds);

/// Decodes standard base64 with or without padding. Errors: invalid_argument.
[[nodiscard]] Result<std::string> decode_base64(std::string_view text);
/// Encodes standard base64 with padding.
std::string encode_base64(std::string_view data);

}  // namespace fulcrum::image::registry
