#include "api/oci/image_spec.h"

#include <algorithm>
#include <array>

#include "api/oci/image_spec_schema.h"

namespace fulcrum::oci {

namespace {

using schema::UnknownFields;

template <class T>
Result<T> parse_as(std::string_view json, std::string_view what) {
  return TRY(schema::decode_text<T>(json, UnknownFields::ignore), "{}", what);
}

Result<> check_schema_version(int version) {
  if (version == 2) return {};
  return fail(Code::unimplemented, "manifest schema version {} (only 2 is supported; re-push the image with a newer tool)", version);
}

/// The number in "v7"; 0 without one.
int variant_number(std::string_view variant) {
  return variant.size() == 2 && variant[0] == 'v' && variant[1] >= '0' && variant[1] <= '9' ? variant[1] - '0' : 0;
}

/// How well a platform suits: below 0 not at all, higher is better.
int suitability(const std::optional<Platform>& offered, const Platform& wanted) {
  if (!offered) return 0;
  if (offered->os != wanted.os || offered->architecture != wanted.architecture) return -1;
  if (offered->variant == wanted.variant) return 100;
  if (wanted.architecture == "arm64") return offered->variant.empty() || offered->variant == "v8" ? 90 : -1;
  const int have = variant_number(offered->variant);
  const int want = variant_number(wanted.variant);
  if (wanted.variant.empty()) return 50 - have;
  return have <= want ? 10 + have : -1;
}

}  // namespace

bool is_index(std::string_view m) { return m == media::kOciIndex || m == media::kDockerList; }
bool is_manifest(std::string_view m) { return m == media::kOciManifest || m == media::kDockerManifest; }
bool is_layer(std::string_view m) {
  return m.starts_with("application/vnd.oci.image.layer.") || m.starts_with("application/vnd.docker.image.rootfs.");
}

Result<Manifest> parse_manifest(std::string_view json) {
  auto manifest = TRY(parse_as<Manifest>(json, "image manifest"));
  TRY(check_schema_version(manifest.schema_version));
  if (manifest.config.digest.empty()) return fail(Code::invalid_argument, "image manifest: config: missing");
  return manifest;
}

Result<Index> parse_index(std::string_view json) {
  auto index = TRY(parse_as<Index>(json, "image index"));
  TRY(check_schema_version(index.schema_version));
  return index;
}

Result<ImageConfig> parse_image_config(std::string_view json) { return parse_as<ImageConfig>(json, "image config"); }

Result<std::vector<ArchiveImage>> parse_archive_manifest(std::string_view json) {
  auto images = TRY(parse_as<std::vector<ArchiveImage>>(json, "manifest.json"));
  if (images.size() > kMaxDescriptors) return fail(Code::resource_exhausted, "manifest.json names {} images", images.size());
  return images;
}

Result<std::string> detect_media_type(std::string_view json) {
  const auto document = TRY(schema::parse(json), "manifest");
  if (!document.is_object()) return fail(Code::invalid_argument, "manifest: not a JSON object");
  const auto& object = document.get_object();
  if (const auto* version = object.if_contains("schemaVersion"); version != nullptr && version->is_int64() && version->get_int64() == 1) {
    return fail(Code::unimplemented, "manifest schema version 1 (only 2 is supported; re-push the image with a newer tool)");
  }
  const bool has_manifests = object.contains("manifests");
  const bool has_layers = object.contains("layers") || object.contains("config");
  // A document that is both would be read differently by different readers (CVE-2021-41190).
  if (has_manifests == has_layers) return fail(Code::invalid_argument, "manifest: neither an image manifest nor an index");
  if (const auto* type = object.if_contains("mediaType"); type != nullptr && type->is_string() && !type->get_string().empty()) {
    const std::string_view text(type->get_string().data(), type->get_string().size());
    if (has_manifests ? !is_index(text) : !is_manifest(text)) {
      return fail(Code::invalid_argument, "manifest: mediaType \"{}\" does not fit its fields", text.substr(0, 128));
    }
    return std::string(text);
  }
  return std::string(has_manifests ? media::kOciIndex : media::kOciManifest);
}

std::string to_json(const Manifest& manifest) { return schema::encode_text(manifest); }
std::string to_json(const Index& index) { return schema::encode_text(index); }
std::string to_json(const ImageConfig& config) { return schema::encode_text(config); }
std::string to_json(const std::vector<ArchiveImage>& images) { return schema::encode_text(images); }

Platform host_platform() {
#if defined(__x86_64__)
  return {.architecture = "amd64", .os = "linux"};
#elif defined(__aarch64__)
  return {.architecture = "arm64", .os = "linux", .variant = "v8"};
#elif defined(__arm__)
  return {.architecture = "arm", .os = "linux", .variant = "v7"};
#elif defined(__riscv) && __riscv_xlen == 64
  return {.architecture = "riscv64", .os = "linux"};
#elif defined(__powerpc64__) && defined(__LITTLE_ENDIAN__)
  return {.architecture = "ppc64le", .os = "linux"};
#elif defined(__s390x__)
  return {.architecture = "s390x", .os = "linux"};
#else
#error "name this machine in Go's words"
#endif
}

Result<Platform> parse_platform(std::string_view text) {
  std::vector<std::string> parts(1);
  for (const char c : text) {
    if (c == '/') {
      parts.emplace_back();
    } else {
      parts.back() += c;
    }
  }
  const auto bad = [](const std::string& part) {
    return part.empty() || !std::all_of(part.begin(), part.end(), [](char c) {
             return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '.';
           });
  };
  if (parts.size() < 2 || parts.size() > 3 || std::any_of(parts.begin(), parts.end(), bad)) {
    return fail(Code::invalid_argument, "\"{}\" is not a platform (want os/architecture[/variant])", text.substr(0, 64));
  }
  Platform platform{.architecture = parts[1], .os = parts[0], .variant = parts.size() == 3 ? parts[2] : ""};
  if (platform.architecture == "x86_64") platform.architecture = "amd64";
  if (platform.architecture == "aarch64") platform.architecture = "arm64";
  return platform;
}

std::string to_string(const Platform& platform) {
  return platform.os + "/" + platform.architecture + (platform.variant.empty() ? "" : "/" + platform.variant);
}

Result<Descriptor> select_platform(const Index& index, const Platform& wanted) {
  const Descriptor* best = nullptr;
  int best_score = -1;
  std::string offered;
  for (const auto& entry : index.manifests) {
    if (!entry.media_type.empty() && !is_manifest(entry.media_type)) continue;
    if (entry.platform) offered += (offered.empty() ? "" : ", ") + to_string(*entry.platform);
    if (const int score = suitability(entry.platform, wanted); score > best_score) {
      best = &entry;
      best_score = score;
    }
  }
  if (best == nullptr) {
    return fail(Code::not_found, "no image for platform {} in the index (it has {})", to_string(wanted),
                offered.empty() ? "none" : offered);
  }
  return *best;
}

}  // namespace fulcrum::oci
