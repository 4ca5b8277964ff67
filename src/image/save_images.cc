#include <algorithm>
#include <map>
#include <set>

#include "image/image_archive.h"
#include "schema/schema.h"

namespace fulcrum::image {

namespace {

std::string blob_path(const Digest& digest) {
  return "blobs/" + std::string(digest_algorithm(digest)) + "/" + std::string(digest_hex(digest));
}

/// One image, with the names to save it under.
struct Chosen {
  ImageRecord record;
  std::vector<Reference> names;
};

Result<std::vector<Chosen>> choose(const ImageStore& store, const std::vector<std::string>& references) {
  std::vector<Chosen> chosen;
  for (const auto& text : references) {
    auto record = TRY(store.inspect(text), "save");
    auto found = std::find_if(chosen.begin(), chosen.end(), [&](const Chosen& c) { return c.record.id == record.id; });
    if (found == chosen.end()) found = chosen.insert(chosen.end(), Chosen{.record = std::move(record)});
    const auto reference = Reference::parse(text);
    if (!reference || !reference->digest.empty()) continue;
    const auto& tags = found->record.tags;
    const bool named = std::find(tags.begin(), tags.end(), reference->str()) != tags.end();
    const bool twice = std::find(found->names.begin(), found->names.end(), *reference) != found->names.end();
    if (named && !twice) found->names.push_back(*reference);
  }
  return chosen;
}

/// index.json: an entry for each name, so that every reader finds each.
std::string layout_index(const std::vector<Chosen>& images, const std::map<std::string, std::uint64_t>& sizes) {
  oci::Index index{.media_type = std::string(oci::media::kOciIndex)};
  for (const auto& image : images) {
    const oci::Descriptor plain{.media_type = image.record.manifest_media_type,
                                .digest = image.record.manifest,
                                .size = static_cast<std::int64_t>(sizes.at(image.record.manifest.str()))};
    if (image.names.empty()) index.manifests.push_back(plain);
    for (const auto& name : image.names) {
      auto named = plain;
      named.annotations = {{"io.containerd.image.name", name.str()}, {"org.opencontainers.image.ref.name", name.tag}};
      index.manifests.push_back(std::move(named));
    }
  }
  return to_json(index);
}

std::string docker_manifest(const std::vector<Chosen>& images) {
  std::vector<oci::ArchiveImage> entries;
  for (const auto& image : images) {
    oci::ArchiveImage entry{.config = blob_path(image.record.id)};
    for (const auto& name : image.names) entry.repo_tags.push_back(name.familiar());
    for (const auto& layer : image.record.layers) entry.layers.push_back(blob_path(layer.blob));
    entries.push_back(std::move(entry));
  }
  return to_json(entries);
}

/// The `repositories` file of old readers: repository → tag → topmost layer.
std::string docker_repositories(const std::vector<Chosen>& images) {
  std::map<std::string, std::map<std::string, std::string>> repositories;
  for (const auto& image : images) {
    if (image.record.layers.empty()) continue;
    for (const auto& name : image.names) {
      repositories[name.familiar_name()][name.tag] = std::string(digest_hex(image.record.layers.back().blob));
    }
  }
  return schema::encode_text(repositories);
}

Result<> write_blob(const ImageStore& store, TarWriter& tar, const Digest& digest, std::uint64_t size, const StopSource& stop) {
  const auto blob = TRY(store.content().open(digest));
  TRY(tar.add({.name = blob_path(digest), .mode = 0644, .size = size}));
  std::vector<char> buffer(1 << 18);
  for (std::uint64_t done = 0; done < size;) {
    if (stop.stop_requested()) return fail(Code::cancelled, "cancelled");
    const auto got = ::pread(blob.get(), buffer.data(), std::min<std::uint64_t>(buffer.size(), size - done), static_cast<off_t>(done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail_errno(errno, "read blob {}", digest.str());
    if (got == 0) return fail(Code::data_loss, "blob {} is shorter than it was", digest.str());
    TRY(tar.write(std::string_view(buffer.data(), static_cast<std::size_t>(got))));
    done += static_cast<std::uint64_t>(got);
  }
  return {};
}

}  // namespace

Result<> save_images(const ImageStore& store, const std::vector<std::string>& references, const Sink& sink, const StopSource& stop) {
  if (references.empty()) return fail(Code::invalid_argument, "save: no image named");
  auto lease = store.lease();
  const auto images = TRY(choose(store, references));
  std::map<std::string, std::uint64_t> sizes;
  for (const auto& image : images) {
    const auto take = [&](const Digest& digest) -> Result<> {
      lease.protect(digest);
      sizes[digest.str()] = TRY(store.content().stat(digest), "save").size;
      return {};
    };
    TRY(take(image.record.manifest));
    TRY(take(image.record.id));
    for (const auto& layer : image.record.layers) TRY(take(layer.blob));
  }
  TarWriter tar(sink);
  std::set<std::string> folders = {"blobs/"};
  for (const auto& [digest, size] : sizes) folders.insert("blobs/" + std::string(digest_algorithm(Digest(digest))) + "/");
  for (const auto& folder : folders) TRY(tar.add({.kind = TarEntry::Kind::directory, .name = folder, .mode = 0755}));
  for (const auto& [digest, size] : sizes) TRY(write_blob(store, tar, Digest(digest), size, stop), "save");
  TRY(tar.add_file("index.json", layout_index(images, sizes)));
  TRY(tar.add_file("manifest.json", docker_manifest(images)));
  TRY(tar.add_file("oci-layout", R"({"imageLayoutVersion":"1.0.0"})"));
  TRY(tar.add_file("repositories", docker_repositories(images)));
  return tar.finish();
}

}  // namespace fulcrum::image
