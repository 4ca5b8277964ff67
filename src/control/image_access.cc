#include "control/image_access.h"

#include <algorithm>

namespace fulcrum::control {

namespace {

/// repository@digest
image::Reference repo_digest(const image::Reference& reference, const Digest& digest) {
  auto name = reference;
  name.tag.clear();
  name.digest = digest;
  return name;
}

/// Whether a name means this image already.
bool is_named(const image::ImageStore& store, const image::Reference& reference, const image::ImageId& id) {
  const auto record = store.inspect(reference.str());
  return record && record->id == id;
}

/// Other repositories of the same registry that the image came from or went to.
std::vector<std::string> other_repositories(const image::ImageRecord& record, const image::Reference& reference) {
  std::vector<std::string> paths;
  for (const auto& name : record.repo_digests) {
    const auto other = image::Reference::parse(name);
    if (other && other->domain == reference.domain && other->path != reference.path) paths.push_back(other->path);
  }
  return paths;
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

TransferListener step_listener(PullProgress progress) {
  if (!progress) return {};
  return {.found = {}, .step = [progress = std::move(progress)](const TransferStep& step) {
            const auto& digest = step.blob.str();
            if (step.status != "unpacked") progress(digest.substr(digest.find(':') + 1, 12), step.status, step.current, step.total);
          }};
}

Result<PulledAs> pull_image(image::ImageStore& store, image::registry::Client& client, const PullRequest& request,
                            const TransferListener& listener, const StopSource& stop) {
  const auto reference = TRY(image::Reference::parse(request.reference));
  auto lease = store.lease();
  image::registry::PullOptions options{.protect = [&](const Digest& digest) { lease.protect(digest); }};
  if (!request.platform.empty()) options.platform = TRY(oci::parse_platform(request.platform));
  options.found = [&](const image::registry::PulledImage& image) {
    std::vector<Digest> layers;
    for (const auto& layer : image.layers) layers.push_back(layer.digest);
    if (listener.found) listener.found(layers);
  };
  const auto sink = [&](const image::registry::Progress& p) {
    if (listener.step) listener.step({p.digest, image::registry::to_string(p.status), p.current, p.total});
  };
  const auto pulled = TRY(client.pull(reference, store.content(), options, sink, stop));
  image::AddSpec spec{.manifest = pulled.manifest.digest, .repo_digests = {repo_digest(reference, pulled.target.digest)}};
  if (!reference.tag.empty()) {
    auto tag = reference;
    tag.digest = Digest();
    spec.tags.push_back(tag);
  }
  // Unpacking speaks of diffIDs; who listens knows the blobs.
  const auto config = TRY(oci::parse_image_config(TRY(store.content().read(pulled.config.digest))));
  const auto tell = [&](const Digest& diff_id, std::string_view status, std::uint64_t done, std::uint64_t total) {
    const auto& ids = config.rootfs.diff_ids;
    for (std::size_t i = 0; listener.step && i < std::min(ids.size(), pulled.layers.size()); ++i)
      if (ids[i] == diff_id) listener.step({pulled.layers[i].digest, status, done, total});
  };
  spec.progress = [&](const Digest& diff_id, std::uint64_t done, std::uint64_t total) { tell(diff_id, "extracting", done, total); };
  spec.unpacked = [&](const Digest& diff_id) { tell(diff_id, "unpacked", 0, 0); };
  const auto& asked = spec.tags.empty() ? spec.repo_digests.front() : spec.tags.front();
  const bool known = is_named(store, asked, pulled.config.digest);
  return PulledAs{.id = TRY(store.add(spec, lease, stop)), .digest = pulled.target.digest, .changed = !known};
}

Result<Digest> push_image(image::ImageStore& store, image::registry::Client& client, const image::Reference& reference,
                          const TransferListener& listener, const StopSource& stop) {
  const auto record = TRY(store.inspect(reference.str()));
  std::vector<Digest> layers;
  for (const auto& layer : record.layers) layers.push_back(layer.blob);
  if (listener.found) listener.found(layers);
  const auto sink = [&](const image::registry::Progress& p) {
    if (listener.step) listener.step({p.digest, image::registry::to_string(p.status), p.current, p.total});
  };
  const image::registry::PushOptions options{.mount_from = other_repositories(record, reference)};
  auto lease = store.lease();
  for (const auto& layer : record.layers) lease.protect(layer.blob);
  const auto digest = TRY(client.push(reference, record.manifest, store.content(), options, sink, stop));
  TRY(store.add_repo_digest(record.id, repo_digest(reference, digest)));
  return digest;
}

std::unique_ptr<Images> make_images(image::ImageStore& store, image::registry::Client& client) {
  return std::make_unique<RealImages>(store, client);
}

}  // namespace fulcrum::control
