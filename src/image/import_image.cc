#include <poll.h>
#include <unistd.h>

#include "image/build/image_config_edit.h"
#include "image/decompressor.h"
#include "image/image_archive.h"

namespace fulcrum::image {

namespace {

/// Takes a stream in as it is, or decompressed when layers have no media type for its compression.
Result<oci::Descriptor> ingest_layer(const ContentStore& content, const ImportSpec& spec, const StopSource& stop, Lease& lease) {
  auto writer = TRY(content.writer({.limit = spec.unpack.limits.max_bytes}));
  std::vector<char> buffer(1 << 18);
  std::string start;
  for (;;) {
    TRY(wait_any(stop, Deadline::never(), {{spec.source, POLLIN}}));
    const auto got = ::read(spec.source, buffer.data(), buffer.size());
    if (got < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (got < 0) return fail_errno(errno, "read");
    if (got == 0) break;
    const std::string_view piece(buffer.data(), static_cast<std::size_t>(got));
    if (start.size() < 8) start += piece.substr(0, 8);
    TRY(writer.write(piece));
    if (spec.progress) spec.progress(writer.offset());
  }
  const auto size = writer.offset();
  if (size == 0) return fail(Code::invalid_argument, "the archive is empty");
  lease.protect(writer.seal());
  const auto digest = TRY(writer.commit());
  oci::Descriptor layer{.digest = digest, .size = static_cast<std::int64_t>(size)};
  switch (detect_compression(start)) {
    case Compression::none: layer.media_type = oci::media::kOciLayer; return layer;
    case Compression::gzip: layer.media_type = oci::media::kOciLayerGzip; return layer;
    case Compression::zstd: layer.media_type = oci::media::kOciLayerZstd; return layer;
    case Compression::xz:
    case Compression::bzip2: break;
  }
  const auto blob = TRY(content.open(digest));
  const StreamLimits limits{.max_bytes = spec.unpack.limits.max_bytes, .max_ratio = spec.unpack.limits.max_ratio};
  auto stream = TRY(Decompressor::open(blob.get(), limits, stop));
  auto plain = TRY(content.writer({.limit = spec.unpack.limits.max_bytes}));
  for (auto piece = TRY(stream.next()); !piece.empty(); piece = TRY(stream.next())) TRY(plain.write(piece));
  layer = {.media_type = std::string(oci::media::kOciLayer), .size = static_cast<std::int64_t>(plain.offset())};
  lease.protect(plain.seal());
  layer.digest = TRY(plain.commit());
  TRY(content.remove(digest));
  return layer;
}

}  // namespace

Result<ImageId> make_image(ImageStore& store, const NewImage& image, Lease& lease, const StopSource& stop) {
  const auto put = [&](const std::string& text) {
    lease.protect(digest_of(text));
    return store.content().put(text);
  };
  const auto config = to_json(image.config);
  oci::Manifest manifest{.media_type = std::string(oci::media::kOciManifest)};
  manifest.config = {
      .media_type = std::string(oci::media::kOciConfig), .digest = TRY(put(config)), .size = static_cast<std::int64_t>(config.size())};
  manifest.layers = image.layers;
  const AddSpec add{.manifest = TRY(put(to_json(manifest))), .tags = image.tags, .unpack = image.unpack, .parent = image.parent};
  return store.add(add, lease, stop);
}

Result<ImageId> import_image(ImageStore& store, const ImportSpec& spec, const StopSource& stop) {
  NewImage image{.tags = spec.tags, .unpack = spec.unpack};
  auto& config = image.config;
  TRY(build::apply_changes(config.config, spec.changes));
  auto lease = store.lease();
  image.layers.push_back(TRY(ingest_layer(store.content(), spec, stop, lease), "import"));
  const auto blob = TRY(store.content().open(image.layers[0].digest));
  const auto diff_id = TRY(store.layers().unpack_new(blob.get(), spec.unpack, stop), "import");
  lease.protect(diff_id);
  config.created = format_time(store.clock().now());
  config.architecture = spec.platform.architecture;
  config.variant = spec.platform.variant;
  config.os = spec.platform.os;
  config.rootfs.diff_ids = {diff_id};
  config.history = {{.created = config.created, .comment = spec.message.empty() ? "imported from a tar" : spec.message}};
  return make_image(store, image, lease, stop);
}

}  // namespace fulcrum::image
