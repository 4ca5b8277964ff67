// Binds, Mounts, Tmpfs, Volumes and VolumesFrom: five ways to say what is mounted where.
#include <algorithm>
#include <filesystem>

#include "api/workload/short_forms.h"
#include "base/words.h"
#include "server/docker/spec_parts.h"

namespace fulcrum::server::docker {

namespace {

constexpr ApiVersion kRecursiveReadOnly{1, 44};

bool is_propagation(std::string_view word) {
  constexpr std::string_view kWords[] = {"private", "rprivate", "shared", "rshared", "slave", "rslave"};
  return std::find(std::begin(kWords), std::end(kWords), word) != std::end(kWords);
}

std::string clean(const std::string& path) {
  auto text = std::filesystem::path(path).lexically_normal().string();
  while (text.size() > 1 && text.ends_with('/')) text.pop_back();
  return text;
}

Result<std::string> checked_target(const std::string& target) {
  if (!target.starts_with('/')) return invalid("invalid mount path: '{}' mount path must be absolute", target);
  auto path = clean(target);
  if (path == "/") return invalid("invalid specification: destination can't be '/'");
  return path;
}

Result<> check_volume_name(const std::string& name) {
  if (!api::check_name(name)) return {};
  return invalid(
      "create {0}: \"{0}\" includes invalid characters for a local volume name, only \"[a-zA-Z0-9][a-zA-Z0-9_.-]\" are allowed. If you "
      "intended to pass a host directory, use absolute path",
      name);
}

Result<> check_driver(const std::string& driver) {
  if (driver.empty() || driver == "local") return {};
  return invalid("error looking up volume plugin {0}: plugin \"{0}\" not found", driver);
}

/// What the third part of a bind says.
struct BindMode {
  bool read_only = false, no_copy = false;
  std::string propagation;
};

Result<BindMode> bind_mode(const std::string& text, const Surroundings& around) {
  BindMode mode;
  int access = 0, label = 0, copy = 0, propagation = 0, consistency = 0;
  for (const auto& word : split(text, ',')) {
    if (word == "ro" || word == "rw") {
      ++access;
      mode.read_only = word == "ro";
    } else if (word == "z" || word == "Z") {
      ++label;
    } else if (word == "nocopy") {
      ++copy;
      mode.no_copy = true;
    } else if (is_propagation(word)) {
      ++propagation;
      mode.propagation = word;
    } else if (word == "consistent" || word == "cached" || word == "delegated") {
      ++consistency;
    } else {
      return invalid("invalid mode: {}", text);
    }
  }
  if (access > 1 || label > 1 || copy > 1 || propagation > 1 || consistency > 1) return invalid("invalid mode: {}", text);
  if (label != 0 && around.selinux()) return refused("Binds: {}: relabelling for SELinux is not supported", text);
  return mode;
}

Result<api::Mount> parse_bind(const std::string& raw, const SpecWork& work) {
  const auto parts = split(raw, ':');
  const auto wrong = [&] { return invalid("invalid volume specification: '{}'", raw); };
  if (parts.size() > 3 || parts[0].empty()) return wrong();
  api::Mount mount;
  if (parts.size() == 1) {
    mount.target = TRY(checked_target(parts[0]), "invalid volume specification: '{}'", raw);
    return mount;
  }
  if (parts.size() == 2 && (parts[1].empty() || bind_mode(parts[1], work.around))) return wrong();
  mount.source = parts[0];
  mount.target = TRY(checked_target(parts[1]), "invalid volume specification: '{}'", raw);
  const auto mode = parts.size() == 3 && !parts[2].empty() ? TRY(bind_mode(parts[2], work.around)) : BindMode{};
  mount.read_only = mode.read_only;
  if (mount.source.starts_with('/')) {
    mount.type = "bind";
    mount.source = clean(mount.source);
    mount.create_source = true;
    mount.propagation = mode.propagation;
    mount.recursive_read_only = work.request.version >= kRecursiveReadOnly;
    if (mode.no_copy) return invalid("invalid mode: {}: nocopy is for volumes", parts[2]);
    return mount;
  }
  TRY(check_volume_name(mount.source));
  TRY(check_driver(work.host().volume_driver));
  if (!mode.propagation.empty()) return invalid("invalid mode: {}: propagation is for binds", parts[2]);
  mount.no_copy = mode.no_copy;
  return mount;
}

Result<> check_options(const api::docker::Mount& given) {
  const auto extra = [](const char* name) { return invalid("field {} must not be specified", name); };
  if (given.type != "bind" && given.bind_options) return extra("BindOptions");
  if (given.type != "volume" && given.volume_options) return extra("VolumeOptions");
  if (given.type != "image" && given.image_options) return extra("ImageOptions");
  if (given.type != "tmpfs" && given.tmpfs_options) return extra("TmpfsOptions");
  return {};
}

Result<> put_bind_mount(const api::docker::Mount& given, const SpecWork& work, api::Mount& mount) {
  if (given.source.empty()) return invalid("field Source must not be empty");
  if (!given.source.starts_with('/')) return invalid("invalid mount path: '{}' mount path must be absolute", given.source);
  const auto options = given.bind_options.value_or(api::docker::BindOptions{});
  if (!options.propagation.empty() && !is_propagation(options.propagation))
    return invalid("invalid propagation mode: {}", options.propagation);
  if (options.read_only_force_recursive && (!given.read_only || options.read_only_non_recursive || options.non_recursive))
    return invalid("BindOptions.ReadOnlyForceRecursive needs ReadOnly, and excludes NonRecursive and ReadOnlyNonRecursive");
  mount.source = clean(given.source);
  mount.propagation = options.propagation;
  mount.non_recursive = options.non_recursive;
  mount.create_source = options.create_mountpoint;
  mount.recursive_read_only = !options.read_only_non_recursive && work.request.version >= kRecursiveReadOnly;
  if (!mount.create_source && !TRY(work.around.exists(mount.source))) return invalid("bind source path does not exist: {}", mount.source);
  return {};
}

Result<> put_volume_mount(const api::docker::Mount& given, api::Mount& mount) {
  const auto options = given.volume_options.value_or(api::docker::VolumeOptions{});
  mount.source = given.source;
  if (!given.source.empty()) TRY(check_volume_name(given.source));
  if (!options.subpath.empty() && given.source.empty()) return invalid("must not set Subpath when using anonymous volumes");
  if (options.subpath.starts_with('/') || clean(options.subpath).starts_with(".."))
    return invalid("subpath must be a relative path within the volume");
  mount.no_copy = options.no_copy;
  mount.labels = options.labels;
  mount.subpath = options.subpath;
  if (!options.driver_config) return {};
  TRY(check_driver(options.driver_config->name));
  mount.driver_options = options.driver_config->options;
  return {};
}

Result<> put_tmpfs_mount(const api::docker::Mount& given, api::Mount& mount) {
  if (!given.source.empty()) return invalid("field Source must not be specified");
  if (!given.tmpfs_options) return {};
  const auto& options = *given.tmpfs_options;
  if (options.size_bytes < 0) return invalid("SizeBytes must not be negative");
  if (options.size_bytes != 0) mount.size = Size{options.size_bytes};
  if (options.mode != 0) mount.mode = options.mode & 07777;
  for (const auto& option : options.options) {
    if (option.empty() || option.size() > 2) return invalid("invalid option array length");
    if (option[0] != "exec" && option[0] != "noexec") return invalid("invalid option: {}", option[0]);
    mount.options.push_back(option[0]);
  }
  return {};
}

Result<api::Mount> mount_of(const api::docker::Mount& given, const SpecWork& work) {
  api::Mount mount{.type = given.type, .read_only = given.read_only};
  TRY(check_options(given));
  if (given.target.empty()) return invalid("field Target must not be empty");
  mount.target = TRY(checked_target(given.target));
  if (given.type == "bind") {
    TRY(put_bind_mount(given, work, mount));
  } else if (given.type == "volume") {
    TRY(put_volume_mount(given, mount));
  } else if (given.type == "tmpfs") {
    TRY(put_tmpfs_mount(given, mount));
  } else if (given.type == "image") {
    if (given.source.empty()) return invalid("field Source must not be empty");
    mount.source = given.source;
    mount.read_only = true;
    if (given.image_options) mount.subpath = given.image_options->subpath;
  } else {
    return invalid("mount type unknown");  // npipe is Windows's, cluster a swarm's
  }
  return mount;
}

/// What another container has mounted, for this one. Its tmpfs mounts are its own.
Result<std::vector<api::Mount>> volumes_from(const std::string& text, const SpecWork& work) {
  const auto colon = text.find(':');
  const auto mode = colon == std::string::npos ? std::string("rw") : text.substr(colon + 1);
  if (text.empty()) return invalid("volumes-from specification cannot be an empty string");
  if (mode != "ro" && mode != "rw" && mode != "z" && mode != "Z") return invalid("invalid mode: {}", mode);
  const auto other = work.around.container(text.substr(0, colon));
  if (!other) return invalid("{}", other.error().message);
  std::vector<api::Mount> mounts;
  for (const auto& status : other->status.mounts) {
    if (status.type == "tmpfs") continue;
    const auto& theirs = other->spec.volumes;
    const auto found = std::find_if(theirs.begin(), theirs.end(), [&](const auto& m) { return m.target == status.target; });
    auto mount = found == theirs.end() ? api::Mount{.target = status.target} : *found;
    if (status.type == "volume") mount.source = status.name;
    mount.no_copy = mount.no_copy || status.type == "volume";
    mount.read_only = status.read_only || mode == "ro";
    mounts.push_back(std::move(mount));
  }
  return mounts;
}

}  // namespace

// As Docker lays them over each other: other containers' volumes give way to what is mounted here, anonymous volumes to everything.
Result<> put_mounts(SpecWork& work) {
  const auto& host = work.host();
  auto& mounts = work.spec.volumes;
  const auto at = [&](const std::string& target) {
    return std::find_if(mounts.begin(), mounts.end(), [&](const auto& m) { return m.target == target; });
  };
  std::vector<api::Mount> own;
  const auto add = [&](api::Mount mount) -> Result<> {
    if (std::any_of(own.begin(), own.end(), [&](const auto& m) { return m.target == mount.target; }))
      return invalid("Duplicate mount point: {}", mount.target);
    own.push_back(std::move(mount));
    return {};
  };
  TRY(check_driver(host.volume_driver));
  for (const auto& raw : host.binds) TRY(add(TRY(parse_bind(raw, work))));
  for (const auto& given : host.mounts) TRY(add(TRY(mount_of(given, work), "invalid mount config for type \"{}\"", given.type)));
  for (const auto& [target, options] : host.tmpfs) {
    auto mount = TRY(api::parse_tmpfs(TRY(checked_target(target)) + (options.empty() ? "" : ":" + options)));
    TRY(add(std::move(mount)));
  }
  for (const auto& text : host.volumes_from)
    for (auto& mount : TRY(volumes_from(text, work))) {
      const auto before = at(mount.target);
      if (before != mounts.end()) mounts.erase(before);
      mounts.push_back(std::move(mount));
    }
  for (auto& mount : own) {
    const auto before = at(mount.target);
    if (before != mounts.end()) mounts.erase(before);
    mounts.push_back(std::move(mount));
  }
  for (const auto& [target, unused] : work.config().volumes) {
    auto path = TRY(checked_target(target));
    if (at(path) == mounts.end()) mounts.push_back({.target = std::move(path)});
  }
  return {};
}

}  // namespace fulcrum::server::docker
