#include "control/image_access.h"

#include <algorithm>

namespace fulcrum::control {

namespace {

std::string short_digest(const Digest& digest) {
  const auto colon = digest.str().find(':');
  return digest.str().substr(colon == std::string::npos ? 0 : colon + 1, 12);
}

class RealImages final : public Images {
 public:
  RealImages(image::ImageStore& store, image::registry::Client& client) : store_(store), client_(client) {}
  Result<image::ResolvedImage> resolve(const std::string& reference) override { return store_.resolve(reference); }
  Result<> pull(const std::string& reference, const std::string& platform, const StopSource& stop) override {
    TRY(pull_image(store_, client_, {.reference = reference, .platform = platform}, {}, stop));
    return {};
  }
  Result<> hold(const image::ImageId& id, const std::string& holder) override { return store_.hold(id, holder); }
  Result<> release(const std::string& holder) override { return store_.release(holder); }
  Result<std::vector<std::string>> holders() override {
    std::vector<std::string> all;
    for (const auto& record : TRY(store_.list()))
      for (auto& holder : TRY(store_.holders(record.id))) all.push_back(std::move(holder));
    return all;
  }

 private:
  image::ImageStore& store_;
  image::registry::Client& client_;
};

}  // namespace

Result<PulledAs> pull_image(image::ImageStore& store, image::registry::Client& client, const PullRequest& request,
                            const PullProgress& progress, const StopSource& stop) {
  const auto reference = TRY(image::Reference::parse(request.reference));
  auto lease = store.lease();
  image::registry::PullOptions options{.protect = [&](const Digest& digest) { lease.protect(digest); }};
  if (!request.platform.empty()) options.platform = TRY(oci::parse_platform(request.platform));
  const auto sink = [&](const image::registry::Progress& p) {
    if (progress) progress(short_digest(p.digest), image::registry::to_string(p.status), p.current, p.total);
  };
  const auto pulled = TRY(client.pull(reference, store.content(), options, sink, stop));
  auto repo_digest = reference;
  repo_digest.tag.clear();
  repo_digest.digest = pulled.target.digest;
  image::AddSpec spec{.manifest = pulled.manifest.digest, .repo_digests = {repo_digest}};
  if (!reference.tag.empty()) {
    auto tag = reference;
    tag.digest = Digest();
    spec.tags.push_back(tag);
  }
  spec.progress = [&](const Digest& diff_id, std::uint64_t done, std::uint64_t total) {
    if (progress) progress(short_digest(diff_id), "extracting", done, total);
  };
  return PulledAs{.id = TRY(store.add(spec, lease, stop)), .digest = pulled.target.digest};
}

std::unique_ptr<Images> make_images(image::ImageStore& store, image::registry::Client& client) {
  return std::make_unique<RealImages>(store, client);
}

}  // namespace fulcrum::control
