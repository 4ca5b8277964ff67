// Manifests and indexes over the wire: fetched with their exact bytes, checked against every digest that is known.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "api/oci/image_spec.h"
#include "base/error.h"
#include "image/registry/session.h"

namespace fulcrum::image::registry {

/// A manifest or index, byte for byte.
struct FetchedManifest {
  oci::Descriptor descriptor;
  std::string bytes;
};

/// GETs /v2/<repository>/manifests/<selector>. `expected` is what an index said of it. Errors: not_found, data_loss when the bytes do not
/// hash to the selector, the expected digest or Docker-Content-Digest, unimplemented for Docker's schema 1, resource_exhausted past the
/// limit.
[[nodiscard]] Result<FetchedManifest> fetch_manifest(Session& session, const Endpoint& endpoint, const std::string& repository,
                                                     const std::string& selector, const std::optional<oci::Descriptor>& expected,
                                                     const Bounds& bounds);

/// PUTs the exact bytes under a tag or digest. Errors: data_loss when the registry says that it stored another digest.
[[nodiscard]] Result<> put_manifest(Session& session, const Endpoint& endpoint, const std::string& repository, const std::string& selector,
                                    const FetchedManifest& manifest, const Bounds& bounds);

/// The media type of a document by what it says of itself and what the registry said. Errors: unimplemented for schema 1, invalid_argument.
[[nodiscard]] Result<std::string> manifest_media_type(std::string_view bytes, std::string_view content_type);

/// Checks the counts and sizes of a manifest against the limits. Errors: resource_exhausted, invalid_argument.
[[nodiscard]] Result<> check_limits(const oci::Manifest& manifest, const Limits& limits);

/// Hashes with the algorithm of `like`.
[[nodiscard]] Result<Digest> digest_like(const Digest& like, std::string_view bytes);

}  // namespace fulcrum::image::registry
