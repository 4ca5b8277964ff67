#include "image/registry/pull.h"

#include <algorithm>
#include <set>
#include <utility>

#include "image/registry/failure.h"
#include "image/registry/manifests.h"
#include "image/registry/parallel.h"

namespace fulcrum::image::registry {
namespace {

/// An index in an index in an index is followed, not more.
constexpr int kMaxIndexDepth = 3;

bool is_final(Code code) { return code == Code::cancelled || code == Code::deadline_exceeded; }

class Pull {
 public:
  Pull(Shared& shared, InFlight& in_flight, const Reference& reference, const ContentStore& store, const PullOptions& options,
       const ProgressSink& progress, const Bounds& bounds)
      : shared_(shared), in_flight_(in_flight), store_(store), options_(options), progress_(progress), bounds_(bounds), session_(shared) {
    out_.reference = reference;
  }

  Result<PulledImage> run() {
    endpoints_ = TRY(shared_.hosts.endpoints(out_.reference.domain, session_.transport(), bounds_));
    auto top = TRY(manifest(out_.reference.selector(), std::nullopt));
    out_.target = top.descriptor;
    TRY(take(top, 0));
    if (options_.found) options_.found(out_);
    TRY(fetch_configs());
    TRY(fetch_layers());
    // Blobs first, then what names them: an interrupted pull leaves no manifest whose parts are missing.
    for (auto document = documents_.rbegin(); document != documents_.rend(); ++document) TRY(keep(*document));
    return std::move(out_);
  }

 private:
  const std::string& repository() const { return out_.reference.path; }

  void protect(const Digest& digest) {
    if (options_.protect) options_.protect(digest);
  }

  /// From the store when it has that digest, else from the first endpoint that has it right.
  Result<FetchedManifest> manifest(const std::string& selector, const std::optional<oci::Descriptor>& expected) {
    if (is_digest(selector)) {
      const auto digest = TRY(parse_digest(selector));
      protect(digest);
      if (store_.contains(digest)) return stored(digest);
    }
    Error last;
    for (auto endpoint = endpoints_.begin(); endpoint != endpoints_.end(); ++endpoint) {
      auto got = fetch_manifest(session_, *endpoint, repository(), selector, expected, bounds_);
      if (got) {
        // What has the manifest has the blobs: asked first from now on.
        std::rotate(endpoints_.begin(), endpoint, endpoint + 1);
        protect(got->descriptor.digest);
        return got;
      }
      last = std::move(got).error();
      if (is_final(last.code)) break;
    }
    return std::unexpected(std::move(last));
  }

  Result<FetchedManifest> stored(const Digest& digest) {
    FetchedManifest out;
    out.bytes = TRY(store_.read(digest, shared_.options.limits.manifest_bytes));
    out.descriptor = {
        .media_type = TRY(manifest_media_type(out.bytes, "")), .digest = digest, .size = static_cast<std::int64_t>(out.bytes.size())};
    return out;
  }

  /// Goes down from a document to the image manifests that are wanted.
  Result<> take(const FetchedManifest& document, int depth) {
    documents_.push_back(document);
    if (!oci::is_index(document.descriptor.media_type)) return take_manifest(document);
    if (depth >= kMaxIndexDepth) return fail(Code::invalid_argument, "indexes are nested more than {} deep", kMaxIndexDepth);
    const auto index = TRY(oci::parse_index(document.bytes), "index {}", document.descriptor.digest.str());
    if (index.manifests.size() > shared_.options.limits.manifests) {
      return fail(Code::resource_exhausted, "the index names {} manifests, more than {}", index.manifests.size(),
                  shared_.options.limits.manifests);
    }
    const auto wanted = oci::select_platform(index, options_.platform);
    if (!options_.all_platforms) return take_child(TRY(wanted), depth);
    // The wanted one first, so that it is the one that out_.manifest means.
    if (wanted) TRY(take_child(*wanted, depth));
    for (const auto& child : index.manifests) {
      if (!wanted || child.digest != wanted->digest) TRY(take_child(child, depth));
    }
    if (!wanted && depth == 0) forget_wanted();
    return {};
  }

  void forget_wanted() {
    out_.manifest = {};
    out_.config = {};
    out_.layers.clear();
  }

  Result<> take_child(const oci::Descriptor& child, int depth) {
    if (!seen_.insert(child.digest).second) return {};
    if (seen_.size() > shared_.options.limits.manifests) return fail(Code::resource_exhausted, "the index names too many manifests");
    const auto fetched = TRY(manifest(child.digest.str(), child));
    return take(fetched, depth + 1);
  }

  Result<> take_manifest(const FetchedManifest& document) {
    const auto parsed = TRY(oci::parse_manifest(document.bytes), "manifest {}", document.descriptor.digest.str());
    TRY(check_limits(parsed, shared_.options.limits));
    if (out_.manifests.empty()) {
      out_.manifest = document.descriptor;
      out_.config = parsed.config;
      out_.layers = parsed.layers;
    }
    out_.manifests.push_back(document.descriptor);
    images_.push_back(parsed);
    return {};
  }

  Result<> fetch_configs() {
    std::vector<oci::Descriptor> wanted;
    for (const auto& image : images_) add(wanted, image.config);
    return fetch(wanted);
  }

  Result<> fetch_layers() {
    std::vector<oci::Descriptor> wanted;
    for (const auto& image : images_) {
      const auto unpacked = TRY(unpacked_layers(image));
      for (std::size_t i = 0; i < image.layers.size(); ++i) {
        if (!unpacked[i]) {
          add(wanted, image.layers[i]);
        } else if (progress_) {
          const auto size = static_cast<std::uint64_t>(image.layers[i].size);
          progress_({image.layers[i].digest, BlobStatus::exists, size, size});
        }
      }
    }
    return fetch(wanted);
  }

  /// Which layers the caller has in another form, by the diffIDs of the config.
  Result<std::vector<bool>> unpacked_layers(const oci::Manifest& image) {
    std::vector<bool> out(image.layers.size(), false);
    if (!options_.have_layer) return out;
    const auto text = TRY(store_.read(image.config.digest, shared_.options.limits.manifest_bytes));
    const auto config = oci::parse_image_config(text);
    // Something else than an image, or inconsistent: whoever unpacks it will say so.
    if (!config || config->rootfs.diff_ids.size() != image.layers.size()) return out;
    for (std::size_t i = 0; i < out.size(); ++i) out[i] = options_.have_layer(config->rootfs.diff_ids[i]);
    return out;
  }

  /// Adds a blob once: one image may name the same layer many times.
  void add(std::vector<oci::Descriptor>& list, const oci::Descriptor& blob) {
    if (!seen_.insert(blob.digest).second) return;
    protect(blob.digest);
    if (progress_) progress_({blob.digest, BlobStatus::waiting, 0, static_cast<std::uint64_t>(blob.size)});
    list.push_back(blob);
  }

  Result<> fetch(const std::vector<oci::Descriptor>& blobs) {
    return in_parallel(shared_, shared_.options.connections, blobs.size(), bounds_,
                       [&](Session& session, std::size_t i, const Bounds& bounds) {
                         return download(session, in_flight_, {endpoints_, repository(), blobs[i]}, store_, progress_, bounds);
                       });
  }

  Result<> keep(const FetchedManifest& document) {
    auto writer = TRY(store_.writer({.digest = document.descriptor.digest}));
    TRY(writer.write(document.bytes));
    TRY(writer.commit());
    return {};
  }

  Shared& shared_;
  InFlight& in_flight_;
  const ContentStore& store_;
  const PullOptions& options_;
  const ProgressSink& progress_;
  const Bounds& bounds_;
  Session session_;
  std::vector<Endpoint> endpoints_;
  std::vector<FetchedManifest> documents_;  ///< parents before children
  std::vector<oci::Manifest> images_;
  std::set<Digest> seen_;
  PulledImage out_;
};

}  // namespace

Result<PulledImage> pull_image(Shared& shared, InFlight& in_flight, const Reference& reference, const ContentStore& store,
                               const PullOptions& options, const ProgressSink& progress, const StopSource& stop) {
  const Bounds bounds{.stop = stop, .deadline = options.deadline};
  return TRY(Pull(shared, in_flight, reference, store, options, progress, bounds).run(), "pull {}", reference.familiar());
}

namespace {

/// The platform that an image config is for.
Result<oci::Platform> platform_of(Session& session, const Endpoint& endpoint, const std::string& repository, const oci::Descriptor& config,
                                  const Bounds& bounds) {
  const auto& options = session.shared().options;
  const auto what = "config " + config.digest.str();
  if (config.size > static_cast<std::int64_t>(options.limits.manifest_bytes))
    return fail(Code::resource_exhausted, "{} has {} bytes, more than {}", what, config.size, options.limits.manifest_bytes);
  const Request request{.url = endpoint.address(repository + "/blobs/" + config.digest.str()),
                        .body_limit = options.limits.manifest_bytes,
                        .timeouts = options.timeouts};
  const auto response = TRY(session.send(endpoint, request, pull_scope(repository), what, bounds));
  if (TRY(digest_like(config.digest, response.body)) != config.digest)
    return fail(Code::data_loss, "{}: the registry sends something else", what);
  const auto image = TRY(oci::parse_image_config(response.body), "{}", what);
  return oci::Platform{.architecture = image.architecture,
                       .os = image.os,
                       .os_version = image.os_version,
                       .os_features = image.os_features,
                       .variant = image.variant};
}

/// The manifest that a reference names, with the endpoint that has it.
Result<std::pair<FetchedManifest, Endpoint>> find_manifest(Session& session, const Reference& reference, const Bounds& bounds) {
  const auto endpoints = TRY(session.shared().hosts.endpoints(reference.domain, session.transport(), bounds));
  Error last;
  for (const auto& endpoint : endpoints) {
    auto got = fetch_manifest(session, endpoint, reference.path, reference.selector(), std::nullopt, bounds);
    if (got) return std::pair(std::move(*got), endpoint);
    last = std::move(got).error();
    if (is_final(last.code)) break;
  }
  return std::unexpected(std::move(last));
}

}  // namespace

Result<RemoteImage> describe_reference(Shared& shared, const Reference& reference, const Bounds& bounds) {
  Session session(shared);
  const auto [document, endpoint] = TRY(find_manifest(session, reference, bounds));
  RemoteImage out{.target = document.descriptor};
  if (oci::is_index(document.descriptor.media_type)) {
    for (const auto& child : TRY(oci::parse_index(document.bytes)).manifests)
      if (child.platform) out.platforms.push_back(*child.platform);
    return out;
  }
  const auto manifest = TRY(oci::parse_manifest(document.bytes));
  if (manifest.artifact_type.empty()) out.platforms.push_back(TRY(platform_of(session, endpoint, reference.path, manifest.config, bounds)));
  return out;
}

Result<oci::Descriptor> resolve_reference(Shared& shared, const Reference& reference, const Bounds& bounds) {
  Session session(shared);
  return std::move(TRY(find_manifest(session, reference, bounds)).first.descriptor);
}

}  // namespace fulcrum::image::registry
