#include "image/registry/push.h"

#include <set>
#include <utility>
#include <vector>

#include "image/registry/manifests.h"
#include "image/registry/parallel.h"
#include "image/registry/upload.h"

namespace fulcrum::image::registry {
namespace {

constexpr int kMaxIndexDepth = 3;

class Push {
 public:
  Push(Shared& shared, const Reference& reference, const ContentStore& store, const PushOptions& options, const ProgressSink& progress,
       const Bounds& bounds)
      : shared_(shared), reference_(reference), store_(store), options_(options), progress_(progress), bounds_(bounds), session_(shared) {}

  Result<Digest> run(const Digest& target) {
    for (const auto& other : options_.mount_from) {
      if (!is_repository_path(other)) return fail(Code::invalid_argument, "mount_from: \"{}\" is not a repository", other);
    }
    if (!reference_.digest.empty() && reference_.digest != target) {
      return fail(Code::invalid_argument, "the reference asks for another digest than the image's, {}", target.str());
    }
    TRY(collect(target, 0));
    const auto endpoint = TRY(shared_.hosts.registry(reference_.domain, session_.transport(), bounds_));
    TRY(in_parallel(shared_, shared_.options.connections, blobs_.size(), bounds_,
                    [&](Session& session, std::size_t i, const Bounds& bounds) {
                      return upload(session, {endpoint, reference_.path, blobs_[i], options_.mount_from}, store_, progress_, bounds);
                    }));
    // Children before the index that names them; the last one is the target, which gets the tag.
    for (std::size_t i = 0; i < documents_.size(); ++i) {
      const bool last = i + 1 == documents_.size();
      const auto& selector = last && !reference_.tag.empty() ? reference_.tag : documents_[i].descriptor.digest.str();
      TRY(put_manifest(session_, endpoint, reference_.path, selector, documents_[i], bounds_));
    }
    return target;
  }

 private:
  /// Reads a document and all that it names, children first.
  Result<> collect(const Digest& digest, int depth) {
    if (!seen_.insert(digest).second) return {};
    if (!store_.contains(digest))
      return fail(Code::failed_precondition, "manifest {} is not stored (pull all platforms, or push a single one)", digest.str());
    FetchedManifest document;
    document.bytes = TRY(store_.read(digest, shared_.options.limits.manifest_bytes));
    document.descriptor = {.media_type = TRY(manifest_media_type(document.bytes, "")),
                           .digest = digest,
                           .size = static_cast<std::int64_t>(document.bytes.size())};
    if (oci::is_index(document.descriptor.media_type)) {
      if (depth >= kMaxIndexDepth) return fail(Code::invalid_argument, "indexes are nested more than {} deep", kMaxIndexDepth);
      const auto index = TRY(oci::parse_index(document.bytes), "index {}", digest.str());
      for (const auto& child : index.manifests) TRY(collect(child.digest, depth + 1));
    } else {
      const auto manifest = TRY(oci::parse_manifest(document.bytes), "manifest {}", digest.str());
      TRY(add(manifest.config));
      for (const auto& layer : manifest.layers) TRY(add(layer));
    }
    documents_.push_back(std::move(document));
    return {};
  }

  Result<> add(const oci::Descriptor& blob) {
    if (!seen_.insert(blob.digest).second) return {};
    if (!store_.contains(blob.digest)) return fail(Code::failed_precondition, "blob {} is not stored", blob.digest.str());
    if (progress_) progress_({blob.digest, BlobStatus::waiting, 0, static_cast<std::uint64_t>(blob.size)});
    blobs_.push_back(blob);
    return {};
  }

  Shared& shared_;
  const Reference& reference_;
  const ContentStore& store_;
  const PushOptions& options_;
  const ProgressSink& progress_;
  const Bounds& bounds_;
  Session session_;
  std::vector<FetchedManifest> documents_;
  std::vector<oci::Descriptor> blobs_;
  std::set<Digest> seen_;
};

}  // namespace

Result<Digest> push_image(Shared& shared, const Reference& reference, const Digest& target, const ContentStore& store,
                          const PushOptions& options, const ProgressSink& progress, const StopSource& stop) {
  const Bounds bounds{.stop = stop, .deadline = options.deadline};
  return TRY(Push(shared, reference, store, options, progress, bounds).run(target), "push {}", reference.familiar());
}

}  // namespace fulcrum::image::registry
