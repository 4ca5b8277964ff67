// Registries in Docker's words: the credentials that a request brings, and what went wrong.
#pragma once

#include <string_view>

#include "api/docker/system.h"
#include "base/error.h"
#include "http/message.h"
#include "image/reference.h"
#include "image/registry/options.h"

namespace fulcrum::server::docker {

/// `auth` is base64 of user:password; the members of those names come first. Errors: invalid_argument.
[[nodiscard]] Result<image::registry::Credential> credential_of(const api::docker::AuthConfig& config);

/// What X-Registry-Auth says: base64 (either alphabet, padded or not) of a JSON object. Absent, empty, or about nobody: an empty
/// credential. Errors: invalid_argument when it cannot be read.
[[nodiscard]] Result<image::registry::Credential> credential_of(const http::Headers& headers);

/// An error of a registry as Docker's clients know it: 404 "manifest for x:1 not found: …" and "pull access denied for x, …", 401, and 500
/// for whatever else went wrong on the way. 401 only for a credential that was not taken (`known`): it makes the docker command line ask
/// for another, and whoever brought none may not be there to answer.
Error registry_error(const Error& error, const image::Reference& reference, std::string_view verb, bool known);

}  // namespace fulcrum::server::docker
