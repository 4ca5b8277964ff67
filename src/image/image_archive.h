// Images as files: import of a root file system, load and save of whole images.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "api/oci/image_spec.h"
#include "base/error.h"
#include "base/wait.h"
#include "image/diff.h"
#include "image/image_store.h"
#include "image/tar_writer.h"

namespace fulcrum::image {

/// What makes an image besides its layers.
struct NewImage {
  oci::ImageConfig config;              ///< rootfs.diff_ids in step with `layers`
  std::vector<oci::Descriptor> layers;  ///< in the content store, lowest first
  std::vector<Reference> tags;
  UnpackOptions unpack;
  ImageId parent;  ///< see ImageRecord::parent
};
/// Writes config and manifest (OCI) and records the image.
[[nodiscard]] Result<ImageId> make_image(ImageStore& store, const NewImage& image, Lease& lease, const StopSource& stop);

struct ImportSpec {
  int source = -1;                   ///< a tar of a root file system, plain or compressed; file, pipe or socket
  std::vector<std::string> changes;  ///< Dockerfile instructions, see build::apply_changes()
  std::string message;               ///< the history's comment; empty: "imported from a tar"
  std::vector<Reference> tags;
  oci::Platform platform = oci::host_platform();
  UnpackOptions unpack;
  std::function<void(std::uint64_t)> progress;  ///< bytes read; may be empty
};
/// Makes a one-layer image of a root file system.
[[nodiscard]] Result<ImageId> import_image(ImageStore& store, const ImportSpec& spec, const StopSource& stop);

struct LoadSpec {
  int source = -1;  ///< what save_images(), `docker save`, podman, skopeo or buildah wrote: docker-archive, OCI layout, or both in one;
                    ///< plain or compressed
  oci::Platform platform = oci::host_platform();  ///< chosen out of an index
  UnpackOptions unpack;
  unsigned parallel = 2;
  std::uint64_t max_bytes = std::uint64_t{256} << 30;  ///< of the uncompressed archive
  UnpackProgress progress;                             ///< called from several threads; may be empty
};
struct LoadedImage {
  ImageId id;
  std::vector<std::string> names;  ///< familiar; empty for an image without a name
};
/// Stores every image of an archive; layers are kept byte for byte. Errors: invalid_argument, data_loss, resource_exhausted.
[[nodiscard]] Result<std::vector<LoadedImage>> load_images(ImageStore& store, const LoadSpec& spec, const StopSource& stop);

/// The same for an unpacked OCI layout or docker-archive: `folder` instead of spec.source.
[[nodiscard]] Result<std::vector<LoadedImage>> load_folder(ImageStore& store, int folder, LoadSpec spec, const StopSource& stop);

struct CommitSpec {
  std::optional<ImageId> base;  ///< the image under the upper folder; unset: none
  int upper = -1;               ///< the overlay upper folder; its container is stopped or paused. -1: nothing was written, no layer
  TreeOptions tree{.leave_out_mount_points = true};  ///< the upper is that of a workload that ran
  std::optional<oci::ImageRunConfig> config;         ///< instead of the base's
  std::vector<std::string> changes;                  ///< Dockerfile instructions, see build::apply_changes()
  std::string author;
  std::string message;
  std::string created_by;  ///< the history's command
  std::vector<Reference> tags;
  UnpackOptions unpack;
};
/// Makes an image of a base and what a container changed upon it.
[[nodiscard]] Result<ImageId> commit_image(ImageStore& store, const CommitSpec& spec, const StopSource& stop);

/// Writes images in both formats in one tar (as Docker 25 does): OCI layout (oci-layout, index.json, blobs/) and docker-archive
/// (manifest.json, repositories). Every blob is byte for byte what the manifest names. A name saves that name; an ID saves the image
/// without names.
[[nodiscard]] Result<> save_images(const ImageStore& store, const std::vector<std::string>& references, const Sink& sink,
                                   const StopSource& stop);

}  // namespace fulcrum::image
