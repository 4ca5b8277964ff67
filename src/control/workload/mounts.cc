#include "control/workload/mounts.h"

#include <sys/stat.h>

#include <algorithm>

#include "base/sys.h"
#include "control/workload/files.h"

namespace fulcrum::control {

namespace {

/// The same for the same workload and target however often it is asked: a crash before it was written down makes no second volume.
std::string anonymous_name(const std::string& uid, std::string_view target) {
  std::uint64_t hash = 14695981039346656037ULL;  // FNV-1a
  for (const char c : target) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211ULL;
  return fmt::format("{}{:016x}", uid.substr(0, 48), hash);
}

const api::MountStatus* find_target(const std::vector<api::MountStatus>& mounts, const std::string& target) {
  const auto it = std::find_if(mounts.begin(), mounts.end(), [&](const auto& m) { return m.target == target; });
  return it == mounts.end() ? nullptr : &*it;
}

/// The volume for one mount of the spec or image; `kept` is what an earlier look decided.
Result<api::MountStatus> resolve_volume(const Parts& parts, const api::Workload& workload, const api::Mount& mount,
                                        const std::vector<api::MountStatus>& kept) {
  const auto* before = find_target(kept, mount.target);
  const bool anonymous = mount.source.empty();
  std::string name = mount.source;
  if (anonymous) name = before != nullptr && before->anonymous ? before->name : anonymous_name(workload.metadata.uid, mount.target);
  api::VolumeSpec spec{.name = name, .options = mount.driver_options, .labels = mount.labels};
  if (anonymous) spec.labels[std::string(kAnonymousLabel)] = workload.metadata.uid;
  const auto volume = TRY(ensure_volume(parts, spec, anonymous, false), "volume for {}", mount.target);
  return api::MountStatus{.type = "volume",
                          .name = name,
                          .source = volume.mountpoint,
                          .target = mount.target,
                          .driver = "local",
                          .read_only = mount.read_only,
                          .anonymous = anonymous};
}

sandbox::ResolvedMount tmpfs_mount(const std::string& target, const volume::Source& source, bool read_only) {
  return {.type = "tmpfs", .target = target, .read_only = read_only, .size = source.size, .options = source.options};
}

Result<sandbox::ResolvedMount> volume_mount(const Parts& parts, const api::MountStatus& status, const api::Mount* mount) {
  const auto stored = TRY(parts.objects.get<api::Volume>(std::string(kVolumes) + status.name));
  if (!stored) return fail(Code::not_found, "volume {} for {} is gone", status.name, status.target);
  const auto source = TRY(parts.volumes.source(status.name, stored->object.spec.options), "volume {}", status.name);
  const bool read_only = status.read_only || source.read_only;
  if (source.kind == volume::Source::Kind::tmpfs) return tmpfs_mount(status.target, source, read_only);
  sandbox::ResolvedMount resolved{.type = "bind", .source = source.path, .target = status.target, .read_only = read_only};
  if (source.kind == volume::Source::Kind::directory) {
    TRY(parts.volumes.create(status.name));
    resolved.copy_up = !(mount != nullptr && (mount->no_copy || !mount->subpath.empty())) && TRY(parts.volumes.is_empty(status.name));
  }
  if (mount != nullptr && !mount->subpath.empty())
    resolved.source = TRY(volume::subpath(source.path, mount->subpath), "volume {} at {}", status.name, status.target);
  return resolved;
}

Result<sandbox::ResolvedMount> bind_mount(const api::Mount& mount) {
  const auto found = TRY(sys::lstat(mount.source));
  if (!found) {
    if (!mount.create_source) return fail(Code::invalid_argument, "volumes: bind source {} does not exist", mount.source);
    TRY(sys::make_directories(mount.source));
  }
  return sandbox::ResolvedMount{.type = "bind",
                                .source = mount.source,
                                .target = mount.target,
                                .read_only = mount.read_only,
                                .recursive_read_only = mount.read_only && mount.recursive_read_only,
                                .recursive = !mount.non_recursive,
                                .propagation = mount.propagation.empty() ? "rprivate" : mount.propagation};
}

Result<sandbox::ResolvedMount> image_mount(const Parts& parts, const api::Mount& mount) {
  const auto image = TRY(parts.images.resolve(mount.source), "volumes: image {}", mount.source);
  if (image.layer_dirs.size() != 1)
    return fail(Code::unimplemented, "volumes: image {} at {} has {} layers; only images of one layer can be mounted", mount.source,
                mount.target, image.layer_dirs.size());
  return sandbox::ResolvedMount{.type = "bind",
                                .source = TRY(volume::subpath(image.layer_dirs.front(), mount.subpath), "image {}", mount.source),
                                .target = mount.target,
                                .read_only = true};
}

Result<sandbox::ResolvedMount> spec_mount(const Parts& parts, const api::Workload& workload, const api::Mount& mount) {
  if (mount.type == "bind") return bind_mount(mount);
  if (mount.type == "image") return image_mount(parts, mount);
  if (mount.type == "tmpfs") {
    sandbox::ResolvedMount resolved{
        .type = "tmpfs", .target = mount.target, .read_only = mount.read_only, .mode = mount.mode, .options = mount.options};
    if (mount.size) resolved.size = mount.size->bytes;
    return resolved;
  }
  const auto* status = find_target(workload.status.mounts, mount.target);
  if (status == nullptr) return fail(Code::internal, "volume for {} was never decided on", mount.target);
  return volume_mount(parts, *status, &mount);
}

const api::Mount* spec_mount_at(const api::WorkloadSpec& spec, const std::string& target) {
  const auto it = std::find_if(spec.volumes.begin(), spec.volumes.end(), [&](const auto& m) { return m.target == target; });
  return it == spec.volumes.end() ? nullptr : &*it;
}

}  // namespace

Result<std::vector<api::MountStatus>> resolve_volumes(const Parts& parts, const api::Workload& workload, const oci::ImageConfig& image) {
  std::vector<api::MountStatus> mounts;
  for (const auto& mount : workload.spec.volumes) {
    if (mount.type == "volume") {
      mounts.push_back(TRY(resolve_volume(parts, workload, mount, workload.status.mounts)));
    } else {
      const bool bind = mount.type == "bind";
      mounts.push_back({.type = mount.type,
                        .source = bind || mount.type == "image" ? mount.source : std::string(),
                        .target = mount.target,
                        .read_only = mount.read_only,
                        .propagation = bind ? (mount.propagation.empty() ? "rprivate" : mount.propagation) : std::string()});
    }
  }
  for (const auto& [target, unused] : image.config.volumes) {
    if (find_target(mounts, target) != nullptr) continue;
    mounts.push_back(TRY(resolve_volume(parts, workload, {.target = target}, workload.status.mounts)));
  }
  return mounts;
}

namespace {

/// A mount below another one must come after it.
void sort_by_depth(std::vector<sandbox::ResolvedMount>& mounts) {
  std::stable_sort(mounts.begin(), mounts.end(), [](const auto& a, const auto& b) {
    return std::count(a.target.begin(), a.target.end(), '/') < std::count(b.target.begin(), b.target.end(), '/');
  });
}

}  // namespace

Result<std::vector<sandbox::ResolvedMount>> volume_mounts(const Parts& parts, const api::Workload& workload) {
  std::vector<sandbox::ResolvedMount> mounts;
  for (const auto& mount : workload.spec.volumes) mounts.push_back(TRY(spec_mount(parts, workload, mount)));
  for (const auto& status : workload.status.mounts)
    if (spec_mount_at(workload.spec, status.target) == nullptr) mounts.push_back(TRY(volume_mount(parts, status, nullptr)));
  sort_by_depth(mounts);
  return mounts;
}

Result<std::vector<sandbox::ResolvedMount>> sandbox_mounts(const Parts& parts, const api::Workload& workload) {
  auto mounts = TRY(volume_mounts(parts, workload));
  for (auto& file : TRY(write_files(parts, workload))) mounts.push_back(std::move(file));
  sort_by_depth(mounts);
  return mounts;
}

}  // namespace fulcrum::control
