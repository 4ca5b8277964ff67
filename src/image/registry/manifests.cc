#include "image/registry/manifests.h"

#include <array>

#include "image/digest.h"
#include "image/reference.h"
#include "image/registry/failure.h"

namespace fulcrum::image::registry {
namespace {

constexpr std::array kAccepted = {oci::media::kOciIndex, oci::media::kOciManifest, oci::media::kDockerList, oci::media::kDockerManifest};

bool is_schema1(std::string_view media_type) { return media_type.starts_with("application/vnd.docker.distribution.manifest.v1+"); }

/// "type/subtype; charset=x" → "type/subtype"
std::string_view bare(std::string_view content_type) {
  auto out = content_type.substr(0, content_type.find(';'));
  while (out.ends_with(' ')) out.remove_suffix(1);
  return out;
}

std::string object_name(const std::string& selector) { return "manifest " + selector; }

Result<> check_digest(std::string_view claimed, std::string_view bytes, const std::string& who) {
  const auto wanted = TRY(parse_digest(printable(claimed, 200)), "{}", who);
  const auto is = TRY(digest_like(wanted, bytes));
  if (is == wanted) return {};
  return fail(Code::data_loss, "{} {}, but its content is {}", who, wanted.str(), is.str());
}

}  // namespace

Result<Digest> digest_like(const Digest& like, std::string_view bytes) {
  auto hasher = TRY(Hasher::create(digest_algorithm(like)));
  hasher.update(bytes);
  return hasher.finish();
}

Result<std::string> manifest_media_type(std::string_view bytes, std::string_view content_type) {
  const auto said = bare(content_type);
  if (is_schema1(said)) {
    return fail(Code::unimplemented, "manifest schema version 1 (only 2 is supported; re-push the image with a newer tool)");
  }
  auto own = TRY(oci::detect_media_type(bytes));
  const bool known = oci::is_index(said) || oci::is_manifest(said);
  if (known && oci::is_index(said) != oci::is_index(own)) {
    return fail(Code::invalid_argument, "the registry calls it {}, its content is {}", said, own);
  }
  // Without a mediaType of its own, the document is what the registry says.
  const bool silent =
      bytes.find("\"mediaType\"") == std::string_view::npos || own == oci::media::kOciIndex || own == oci::media::kOciManifest;
  return known && silent ? std::string(said) : std::move(own);
}

Result<> check_limits(const oci::Manifest& manifest, const Limits& limits) {
  if (manifest.layers.size() > limits.layers) {
    return fail(Code::resource_exhausted, "the image has {} layers, more than {}", manifest.layers.size(), limits.layers);
  }
  if (manifest.config.size > static_cast<std::int64_t>(limits.manifest_bytes)) {
    return fail(Code::resource_exhausted, "the image config has {} bytes, more than {}", manifest.config.size, limits.manifest_bytes);
  }
  std::uint64_t sum = 0;
  for (const auto& layer : manifest.layers) {
    const auto size = static_cast<std::uint64_t>(layer.size);
    if (layer.size < 0) return fail(Code::invalid_argument, "layer {} has a negative size", layer.digest.str());
    if (size > limits.blob_bytes) {
      return fail(Code::resource_exhausted, "layer {} has {} bytes, more than {}", layer.digest.str(), size, limits.blob_bytes);
    }
    sum += size;  // no overflow: layers × blob_bytes is far below 2^64
    if (sum > limits.image_bytes) return fail(Code::resource_exhausted, "the image is larger than {} bytes", limits.image_bytes);
  }
  return {};
}

Result<FetchedManifest> fetch_manifest(Session& session, const Endpoint& endpoint, const std::string& repository,
                                       const std::string& selector, const std::optional<oci::Descriptor>& expected, const Bounds& bounds) {
  const auto& options = session.shared().options;
  Request request{.url = endpoint.address(repository + "/manifests/" + selector),
                  .body_limit = options.limits.manifest_bytes,
                  .timeouts = options.timeouts};
  std::string accept = "Accept: ";
  for (const auto type : kAccepted) accept += std::string(type) + ", ";
  request.headers.push_back(accept + "*/*;q=0.1");
  auto response = TRY(session.send(endpoint, request, pull_scope(repository), object_name(selector), bounds));
  const auto name = object_name(selector);
  if (is_digest(selector)) TRY(check_digest(selector, response.body, "asked for manifest"));
  if (expected) {
    TRY(check_digest(expected->digest.str(), response.body, "the index says manifest"));
    if (static_cast<std::int64_t>(response.body.size()) != expected->size) {
      return fail(Code::data_loss, "{} has {} bytes, its index says {}", name, response.body.size(), expected->size);
    }
  }
  const auto claimed = response.headers.get("docker-content-digest");
  if (!claimed.empty()) TRY(check_digest(claimed, response.body, name + " is said to be"));
  FetchedManifest out;
  out.descriptor.media_type = TRY(manifest_media_type(response.body, response.headers.get("content-type")), "{}", name);
  out.descriptor.digest = is_digest(selector) ? Digest(selector) : digest_of(response.body);
  out.descriptor.size = static_cast<std::int64_t>(response.body.size());
  out.bytes = std::move(response.body);
  return out;
}

Result<> put_manifest(Session& session, const Endpoint& endpoint, const std::string& repository, const std::string& selector,
                      const FetchedManifest& manifest, const Bounds& bounds) {
  const auto& options = session.shared().options;
  Request request{.method = "PUT", .url = endpoint.address(repository + "/manifests/" + selector), .timeouts = options.timeouts};
  request.headers.push_back("Content-Type: " + manifest.descriptor.media_type);
  request.body = manifest.bytes;
  const auto response = TRY(session.send(endpoint, request, push_scope(repository), object_name(selector), bounds));
  const auto stored = response.headers.get("docker-content-digest");
  if (!stored.empty()) TRY(check_digest(stored, manifest.bytes, "the registry says it stored manifest"));
  return {};
}

}  // namespace fulcrum::image::registry
