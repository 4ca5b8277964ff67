#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include "image/decompressor.h"
#include "image/image_archive.h"
#include "image/tar_reader.h"
#include "image/tree_writer.h"

namespace fulcrum::image {

namespace {

constexpr std::uint64_t kSmallMember = 1 << 20;  // kept in memory until known to be needed
constexpr std::uint64_t kMaxMemory = std::uint64_t{64} << 20;
constexpr std::size_t kMaxMembers = 100'000;

struct Member {
  std::optional<Digest> digest;  ///< set: it is a blob in the content store
  std::uint64_t size = 0;
  std::string data;  ///< of a small member
  Compression compression = Compression::none;
};

/// One archive being loaded. Members come in any order, so all are taken in before they are looked at.
class Loader {
 public:
  Loader(ImageStore& store, const LoadSpec& spec, const StopSource& stop)
      : store_(store), spec_(spec), stop_(stop), lease_(store.lease()) {}

  Result<std::vector<LoadedImage>> run() {
    TRY(take_in());
    const bool docker = find("manifest.json") != nullptr;
    if (find("index.json") != nullptr) {
      auto loaded = load_layout();
      if (loaded || !docker) return loaded;
      if (loaded.error().code != Code::not_found) return loaded;  // e.g. an index of other platforms only
      loaded_.clear();
    }
    if (docker) return load_docker();
    if (find("repositories") != nullptr) {
      return fail(Code::unimplemented,
                  "archives without manifest.json (written by Docker before 1.10) cannot be loaded; save the image again");
    }
    return fail(Code::invalid_argument, "neither a docker-archive nor an OCI layout: no manifest.json and no index.json");
  }

 private:
  Result<> take_in();
  Result<> take_file(const std::string& name, const TarEntry& entry, TarReader& reader);
  const Member* find(const std::string& name) const;
  Result<const Member*> need(const std::string& name) const;
  Result<std::string> text_of(const Member& member) const;
  Result<Digest> blob_of(const Member& member);
  Result<std::string> layout_blob(const oci::Descriptor& descriptor) const;

  Result<std::vector<LoadedImage>> load_layout();
  Result<> load_layout_entry(const oci::Descriptor& entry, const std::map<std::string, std::vector<Reference>>& docker_names);
  Result<std::vector<LoadedImage>> load_docker();
  Result<> load_docker_image(const oci::ArchiveImage& image);
  Result<> record(const Digest& manifest, const std::vector<Reference>& names);
  Result<std::map<std::string, std::vector<Reference>>> docker_names() const;

  ImageStore& store_;
  const LoadSpec& spec_;
  const StopSource& stop_;
  Lease lease_;
  std::map<std::string, Member> members_;
  std::map<std::string, std::string> links_;
  std::uint64_t memory_ = 0;
  std::vector<LoadedImage> loaded_;
};

/// The target of a link within the archive.
std::string link_target(const std::string& name, const TarEntry& entry) {
  if (entry.kind == TarEntry::Kind::hardlink || entry.target.starts_with('/')) return entry.target;
  const auto slash = name.rfind('/');
  return slash == std::string::npos ? entry.target : name.substr(0, slash + 1) + entry.target;
}

Result<> Loader::take_in() {
  const TarLimits limits{.stream = {.max_bytes = spec_.max_bytes, .max_ratio = spec_.unpack.limits.max_ratio}};
  auto reader = TRY(TarReader::open(spec_.source, limits, stop_), "load");
  for (auto entry = TRY(reader.next(), "load"); entry; entry = TRY(reader.next(), "load")) {
    const auto name = TRY(clean_name(entry->name, spec_.unpack.limits), "load");
    if (members_.size() + links_.size() >= kMaxMembers)
      return fail(Code::resource_exhausted, "load: archive has more than {} members", kMaxMembers);
    if (entry->kind == TarEntry::Kind::file) {
      TRY(take_file(name, *entry, reader), "load {}", name);
    } else if (entry->kind == TarEntry::Kind::symlink || entry->kind == TarEntry::Kind::hardlink) {
      links_[name] = TRY(clean_name(link_target(name, *entry), spec_.unpack.limits), "load {}", name);
    } else if (entry->kind != TarEntry::Kind::directory) {
      return fail(Code::invalid_argument, "load: {}: neither file, link nor folder", name);
    }
  }
  TRY(reader.finish(), "load");
  return {};
}

Result<> Loader::take_file(const std::string& name, const TarEntry& entry, TarReader& reader) {
  Member member{.size = entry.size};
  const bool blob = name.starts_with("blobs/") && std::count(name.begin(), name.end(), '/') == 2;
  if (!blob && entry.size <= kSmallMember && !name.ends_with(".tar")) {
    memory_ += entry.size;
    if (memory_ > kMaxMemory) return fail(Code::resource_exhausted, "archive has more than {} bytes of metadata", kMaxMemory);
    member.data = TRY(reader.content(kSmallMember));
    member.compression = detect_compression(member.data);
    members_[name] = std::move(member);
    return {};
  }
  WriterSpec writer_spec{.size = entry.size};
  if (blob) {
    auto digest = name.substr(6);
    digest[digest.find('/')] = ':';
    writer_spec.digest = TRY(parse_digest(digest));
    lease_.protect(*writer_spec.digest);
  }
  auto writer = TRY(store_.content().writer(std::move(writer_spec)));
  std::string start;
  while (const auto piece = TRY(reader.block())) {
    if (piece->offset != writer.offset()) return fail(Code::invalid_argument, "sparse members are not supported in image archives");
    if (start.size() < 8) start += piece->data.substr(0, 8);
    TRY(writer.write(piece->data));
  }
  member.compression = detect_compression(start);
  lease_.protect(writer.seal());
  member.digest = TRY(writer.commit());
  members_[name] = std::move(member);
  return {};
}

const Member* Loader::find(const std::string& name) const {
  std::string at = name;
  for (int hops = 0; hops < 8; ++hops) {
    if (const auto member = members_.find(at); member != members_.end()) return &member->second;
    const auto link = links_.find(at);
    if (link == links_.end()) return nullptr;
    at = link->second;
  }
  return nullptr;
}

Result<const Member*> Loader::need(const std::string& name) const {
  const auto clean = TRY(clean_name(name, spec_.unpack.limits));
  if (const auto* member = find(clean)) return member;
  return fail(Code::not_found, "the archive has no {}", clean);
}

Result<std::string> Loader::text_of(const Member& member) const {
  if (!member.digest) return member.data;
  return store_.content().read(*member.digest);
}

Result<Digest> Loader::blob_of(const Member& member) {
  if (member.digest) return *member.digest;
  lease_.protect(digest_of(member.data));
  return store_.content().put(member.data);
}

Result<> Loader::record(const Digest& manifest, const std::vector<Reference>& names) {
  const AddSpec add{.manifest = manifest, .tags = names, .unpack = spec_.unpack, .parallel = spec_.parallel, .progress = spec_.progress};
  const auto id = TRY(store_.add(add, lease_, stop_), "load");
  // An archive lists an image once for each of its names.
  auto image = std::find_if(loaded_.begin(), loaded_.end(), [&](const LoadedImage& other) { return other.id == id; });
  if (image == loaded_.end()) image = loaded_.insert(loaded_.end(), LoadedImage{.id = id});
  for (const auto& name : names)
    if (std::find(image->names.begin(), image->names.end(), name.familiar()) == image->names.end()) image->names.push_back(name.familiar());
  return {};
}

// ---- OCI layout ----

/// A manifest or index in blobs/, small enough to read.
Result<std::string> Loader::layout_blob(const oci::Descriptor& descriptor) const {
  const auto name = "blobs/" + std::string(digest_algorithm(descriptor.digest)) + "/" + std::string(digest_hex(descriptor.digest));
  return text_of(*TRY(need(name)));
}

/// Names by config digest, out of manifest.json when there is one: the layout's own annotations may be bare tags.
Result<std::map<std::string, std::vector<Reference>>> Loader::docker_names() const {
  std::map<std::string, std::vector<Reference>> names;
  const auto* member = find("manifest.json");
  if (member == nullptr) return names;
  for (const auto& image : TRY(oci::parse_archive_manifest(TRY(text_of(*member))))) {
    const auto digest = digest_of(TRY(text_of(*TRY(need(image.config))))).str();
    for (const auto& tag : image.repo_tags) names[digest].push_back(TRY(Reference::parse(tag)));
  }
  return names;
}

Result<std::vector<LoadedImage>> Loader::load_layout() {
  const auto index = TRY(oci::parse_index(TRY(text_of(*TRY(need("index.json"))))), "load");
  const auto names = TRY(docker_names(), "load");
  for (const auto& entry : index.manifests) TRY(load_layout_entry(entry, names));
  if (loaded_.empty()) return fail(Code::not_found, "load: the archive has no image for platform {}", to_string(spec_.platform));
  return std::move(loaded_);
}

/// The name that an index entry carries.
std::optional<Reference> annotated_name(const oci::Descriptor& entry) {
  for (const char* key : {"io.containerd.image.name", "org.opencontainers.image.ref.name"}) {
    const auto found = entry.annotations.find(key);
    if (found == entry.annotations.end()) continue;
    const bool bare_tag = found->second.find_first_of("/:@") == std::string::npos;
    if (bare_tag) continue;
    if (auto name = Reference::parse(found->second); name && name->digest.empty()) return std::move(*name);
  }
  return std::nullopt;
}

Result<> Loader::load_layout_entry(const oci::Descriptor& entry, const std::map<std::string, std::vector<Reference>>& docker_names) {
  auto chosen = entry;
  auto text = TRY(layout_blob(chosen), "load");
  for (int depth = 0; oci::is_index(TRY(oci::detect_media_type(text), "load")); ++depth) {
    if (depth == 2) return fail(Code::invalid_argument, "load: indexes within indexes within indexes");
    chosen = TRY(oci::select_platform(TRY(oci::parse_index(text), "load"), spec_.platform), "load");
    text = TRY(layout_blob(chosen), "load");
  }
  // Of several manifests side by side, those for other machines are left out.
  if (entry.platform && !oci::select_platform({.manifests = {entry}}, spec_.platform)) return {};
  const auto manifest = TRY(oci::parse_manifest(text), "load");
  std::vector<Reference> names;
  if (const auto known = docker_names.find(manifest.config.digest.str()); known != docker_names.end()) names = known->second;
  if (auto name = annotated_name(entry); name && std::find(names.begin(), names.end(), *name) == names.end())
    names.push_back(std::move(*name));
  return record(chosen.digest, names);
}

// ---- docker-archive ----

Result<std::vector<LoadedImage>> Loader::load_docker() {
  const auto images = TRY(oci::parse_archive_manifest(TRY(text_of(*TRY(need("manifest.json"))))), "load");
  if (images.empty()) return fail(Code::invalid_argument, "load: manifest.json names no image");
  for (const auto& image : images) TRY(load_docker_image(image), "load");
  return std::move(loaded_);
}

Result<> Loader::load_docker_image(const oci::ArchiveImage& image) {
  const auto* config = TRY(need(image.config));
  oci::Manifest manifest{.media_type = std::string(oci::media::kOciManifest)};
  manifest.config = {
      .media_type = std::string(oci::media::kOciConfig), .digest = TRY(blob_of(*config)), .size = static_cast<std::int64_t>(config->size)};
  for (const auto& name : image.layers) {
    const auto* layer = TRY(need(name));
    std::string_view type = oci::media::kOciLayer;
    if (layer->compression == Compression::gzip) type = oci::media::kOciLayerGzip;
    if (layer->compression == Compression::zstd) type = oci::media::kOciLayerZstd;
    manifest.layers.push_back(
        {.media_type = std::string(type), .digest = TRY(blob_of(*layer)), .size = static_cast<std::int64_t>(layer->size)});
  }
  const auto text = to_json(manifest);
  lease_.protect(digest_of(text));
  std::vector<Reference> names;
  for (const auto& tag : image.repo_tags) names.push_back(TRY(Reference::parse(tag)));
  return record(TRY(store_.content().put(text)), names);
}

}  // namespace

Result<std::vector<LoadedImage>> load_images(ImageStore& store, const LoadSpec& spec, const StopSource& stop) {
  return Loader(store, spec, stop).run();
}

}  // namespace fulcrum::image
