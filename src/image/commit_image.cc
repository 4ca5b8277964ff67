#include "image/build/image_config_edit.h"
#include "image/image_archive.h"

namespace fulcrum::image {

namespace {

/// The base's config and layers.
Result<NewImage> start_from(const ImageStore& store, const ImageId& base, Lease& lease) {
  const auto record = TRY(store.inspect(base.str()));
  NewImage image{.config = TRY(oci::parse_image_config(record.config)), .parent = record.id};
  for (const auto& layer : record.layers) {
    lease.protect(layer.blob);
    lease.protect(layer.diff_id);
    image.layers.push_back({.media_type = layer.media_type, .digest = layer.blob, .size = static_cast<std::int64_t>(layer.size)});
  }
  return image;
}

Result<oci::Descriptor> write_upper(const ContentStore& content, const CommitSpec& spec, Lease& lease, const StopSource& stop) {
  auto writer = TRY(content.writer({.limit = spec.unpack.limits.max_bytes}));
  const Sink sink = [&](std::string_view data) { return writer.write(data); };
  TRY(write_layer(spec.upper, sink, spec.tree, stop));
  lease.protect(writer.seal());
  const auto size = writer.offset();
  return oci::Descriptor{
      .media_type = std::string(oci::media::kOciLayer), .digest = TRY(writer.commit()), .size = static_cast<std::int64_t>(size)};
}

}  // namespace

Result<ImageId> commit_image(ImageStore& store, const CommitSpec& spec, const StopSource& stop) {
  auto lease = store.lease();
  NewImage image;
  if (spec.base) image = TRY(start_from(store, *spec.base, lease), "commit");
  auto& config = image.config;
  if (spec.config) config.config = *spec.config;
  TRY(build::apply_changes(config.config, spec.changes), "commit");
  if (spec.upper >= 0) {
    image.layers.push_back(TRY(write_upper(store.content(), spec, lease, stop), "commit"));
    config.rootfs.diff_ids.push_back(image.layers.back().digest);  // plain tar: the blob is its own diffID
  }
  const auto platform = oci::host_platform();
  if (config.architecture.empty()) config.architecture = platform.architecture;
  if (config.os.empty()) config.os = platform.os;
  config.author = spec.author;
  config.created = format_time(store.clock().now());
  config.history.push_back({.created = config.created,
                            .created_by = spec.created_by,
                            .author = spec.author,
                            .comment = spec.message,
                            .empty_layer = spec.upper < 0});
  image.tags = spec.tags;
  image.unpack = spec.unpack;
  return make_image(store, image, lease, stop);
}

}  // namespace fulcrum::image
