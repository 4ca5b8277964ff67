#include "runtime/mounts.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <linux/mount.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "base/sys.h"
#include "os/mount.h"
#include "os/namespaces.h"
#include "runtime/root_path.h"

namespace fulcrum::runtime {
namespace {

constexpr unsigned long kBindOnly = MS_BIND | MS_REC | MS_REMOUNT;

/// Files of procfs over which lxcfs and the like may mount; anything else below /proc would deceive the runtime and its user.
constexpr auto kAllowedInProc =
    std::to_array<std::string_view>({"/proc/cpuinfo", "/proc/diskstats", "/proc/meminfo", "/proc/stat", "/proc/swaps", "/proc/uptime",
                                     "/proc/loadavg", "/proc/slabinfo", "/proc/sys/kernel/ns_last_pid", "/proc/sys/crypto/fips_enabled"});

bool is_below_proc(const std::string& path) { return path.starts_with("/proc/"); }

std::vector<os::IdRange> ranges(const std::vector<oci::IdMapping>& mappings) {
  std::vector<os::IdRange> result;
  for (const auto& m : mappings) result.push_back({m.container_id, m.host_id, m.size});
  return result;
}

std::string absolute_source(const std::string& source, const std::string& bundle) {
  return source.starts_with('/') ? source : bundle + "/" + source;
}

std::uint64_t cleared_attributes(const MountOptions& options) {
  MountOptions cleared{.flags = options.cleared};
  std::uint64_t bits = cleared.attributes() & ~static_cast<std::uint64_t>(MOUNT_ATTR__ATIME);
  // One atime policy replaces another only when the field is cleared.
  const bool atime = (options.flags & (MS_NOATIME | MS_RELATIME | MS_STRICTATIME)) != 0;
  return atime ? bits | MOUNT_ATTR__ATIME : bits;
}

/// Applies per-mount flags, recursive ones and propagation to a mount.
Result<> apply_attributes(int mount, const MountOptions& options, bool with_flags) {
  if (with_flags) {
    const os::MountAttributes plain{.set = options.attributes(), .clear = cleared_attributes(options)};
    if (plain.set != 0 || plain.clear != 0) TRY(os::set_attributes(mount, plain, false));
  }
  if (options.recursive_set != 0 || options.recursive_clear != 0) {
    TRY(os::set_attributes(mount, {.set = options.recursive_set, .clear = options.recursive_clear}, true));
  }
  return {};
}

/// Propagation comes last, when the mount is in place: a detached tree would not be a peer of anything.
Result<> apply_propagation(int mount, const MountOptions& options) {
  for (const auto flags : options.propagation) {
    TRY(os::set_attributes(mount, {.propagation = flags & ~static_cast<unsigned long>(MS_REC)}, (flags & MS_REC) != 0), "set propagation");
  }
  return {};
}

/// Clones a bind source into a detached mount with all its attributes.
Result<UniqueFd> clone_source(const PlannedMount& planned, const std::string& bundle, int user_namespace) {
  const auto& mount = *planned.mount;
  const auto source = absolute_source(mount.source, bundle);
  auto tree = TRY(os::clone_tree(AT_FDCWD, source, (planned.options.flags & MS_REC) != 0));
  if (planned.options.idmap || !mount.uid_mappings.empty()) {
    UniqueFd own;
    int idmap = user_namespace;
    if (!mount.uid_mappings.empty()) {
      own = TRY(os::make_user_namespace(ranges(mount.uid_mappings), ranges(mount.gid_mappings)));
      idmap = own.get();
    }
    if (idmap < 0) return fail(Code::invalid_argument, "mount {}: idmap needs mappings or a user namespace", mount.destination);
    TRY(os::set_attributes(tree.get(), {.set = MOUNT_ATTR_IDMAP, .user_namespace = idmap}, planned.options.idmap_recursive),
        "idmapped mounts of {} are not possible here", source);
  }
  TRY(apply_attributes(tree.get(), planned.options, true), "mount attributes of {}", source);
  return tree;
}

bool is_directory(int fd) {
  struct stat st = {};
  return ::fstat(fd, &st) == 0 && S_ISDIR(st.st_mode);
}

/// The last mount on a place hides what was opened before: look again.
Result<UniqueFd> reopen(int root, const std::string& path) { return sys::open_in_root(root, path, O_PATH); }

Result<> make_bind(const PlannedMount& planned, MountContext& context, std::size_t& next_prepared) {
  const auto& destination = planned.mount->destination;
  UniqueFd tree;
  if (planned.prepared_by_runtime) {
    if (next_prepared >= context.prepared.size()) return fail(Code::internal, "mount {}: no source arrived", destination);
    tree = std::move(context.prepared[next_prepared++]);
  } else {
    tree = TRY(clone_source(planned, context.bundle, -1));
  }
  auto target = TRY(is_directory(tree.get()) ? ensure_directory(context.root, destination) : ensure_file(context.root, destination));
  TRY(os::attach(tree.get(), target.get()));
  return apply_propagation(tree.get(), planned.options);
}

/// tmpfs with the content of what it hides.
Result<> make_copy_up(const PlannedMount& planned, const MountContext& context, const std::string& data) {
  auto target = TRY(ensure_directory(context.root, planned.mount->destination));
  auto fs = TRY(os::FileSystemContext::open("tmpfs"));
  for (std::size_t at = 0; at < data.size();) {
    const auto end = std::min(data.find(',', at), data.size());
    const auto option = data.substr(at, end - at);
    const auto equals = option.find('=');
    TRY(equals == std::string::npos ? fs.set_flag(option) : fs.set(option.substr(0, equals), option.substr(equals + 1)));
    at = end + 1;
  }
  auto mount = TRY(fs.mount(planned.options.attributes() & ~static_cast<std::uint64_t>(MOUNT_ATTR_RDONLY)));
  auto from = TRY(sys::openat(target.get(), ".", O_RDONLY | O_DIRECTORY));
  auto into = TRY(sys::openat(mount.get(), ".", O_RDONLY | O_DIRECTORY));
  TRY(copy_tree(from.get(), into.get()), "copy up");
  TRY(apply_attributes(mount.get(), planned.options, true));
  TRY(os::attach(mount.get(), target.get()));
  return apply_propagation(mount.get(), planned.options);
}

bool names_option(const std::string& data, std::string_view key) {
  const std::string wanted = std::string(key) + "=";
  return data.starts_with(wanted) || data.find("," + wanted) != std::string::npos;
}

/// proc and sysfs must not be led elsewhere by a link in the image: every tool trusts what is found there.
Result<UniqueFd> strict_target(const MountContext& context, const std::string& destination) {
  auto target = TRY(ensure_directory(context.root, destination));
  struct open_how how = {};
  how.flags = O_PATH | O_DIRECTORY | O_CLOEXEC;
  how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_SYMLINKS;
  const long fd = ::syscall(SYS_openat2, context.root, destination.c_str(), &how, sizeof how);
  if (fd < 0) return fail(Code::invalid_argument, "must be mounted on ordinary directory");
  return UniqueFd(static_cast<int>(fd));
}

Result<> make_file_system(const PlannedMount& planned, const MountContext& context) {
  const auto& mount = *planned.mount;
  auto flags = planned.options.flags & ~kBindOnly;
  auto data = planned.options.data;
  const bool strict = mount.type == "proc" || mount.type == "sysfs";
  const bool was_there = sys::open_in_root(context.root, mount.destination, O_PATH).has_value();
  auto target = TRY(strict ? strict_target(context, mount.destination) : ensure_directory(context.root, mount.destination));
  if (mount.type == "tmpfs") {
    if (was_there && !names_option(data, "mode")) {  // else the kernel's 1777
      struct stat st = {};
      if (::fstat(target.get(), &st) != 0) return fail_errno(errno, "stat");
      data += fmt::format("{}mode={:o}", data.empty() ? "" : ",", st.st_mode & 07777);
    }
    if (planned.options.copy_up) return make_copy_up(planned, context, data);
  }
  if (mount.type == "cgroup" || mount.type == "cgroup2") return mount_cgroups(context, target.get(), planned.options);
  if (clean_path(mount.destination) == "/dev") flags &= ~static_cast<unsigned long>(MS_RDONLY);
  const auto source = mount.source.empty() ? mount.type : mount.source;
  TRY(os::mount_at(source, target.get(), mount.type, flags, data));
  if (planned.options.recursive_set == 0 && planned.options.recursive_clear == 0 && planned.options.propagation.empty()) return {};
  auto mounted = TRY(reopen(context.root, mount.destination));
  TRY(apply_attributes(mounted.get(), planned.options, false));
  return apply_propagation(mounted.get(), planned.options);
}

/// "remount" changes the flags of what an earlier entry mounted.
Result<> remount(const PlannedMount& planned, const MountContext& context) {
  auto mounted = TRY(reopen(context.root, planned.mount->destination));
  return apply_attributes(mounted.get(), planned.options, true);
}

}  // namespace

Result<std::vector<PlannedMount>> plan_mounts(const oci::Spec& spec) {
  std::vector<PlannedMount> plan;
  plan.reserve(spec.mounts.size());
  const auto* linux = spec.linux ? &*spec.linux : nullptr;
  const bool user_namespace = linux != nullptr && linux->find_namespace("user") != nullptr;
  for (const auto& mount : spec.mounts) {
    PlannedMount planned{.mount = &mount, .options = parse_mount_options(mount.options)};
    if (mount.type == "bind") planned.options.flags |= MS_BIND;
    const auto destination = clean_path(mount.destination);
    if (destination == "/") return fail(Code::invalid_argument, "mount destination {:?} is the root", mount.destination);
    const bool allowed = std::find(kAllowedInProc.begin(), kAllowedInProc.end(), destination) != kAllowedInProc.end();
    if (is_below_proc(destination) && !allowed && !destination.starts_with("/proc/sys/fs/binfmt_misc")) {
      return fail(Code::invalid_argument, "{:?} cannot be mounted because it is inside /proc", mount.destination);
    }
    const bool idmap = planned.options.idmap || !mount.uid_mappings.empty();
    if (idmap && !planned.options.is_bind())
      return fail(Code::invalid_argument, "mount {}: id mappings are for bind mounts", mount.destination);
    if (planned.options.copy_up && mount.type != "tmpfs")
      return fail(Code::invalid_argument, "mount {}: tmpcopyup is for tmpfs", mount.destination);
    // Without privilege only init, root of its own namespaces, may clone mounts; it then sees what its caller sees.
    planned.prepared_by_runtime = planned.options.is_bind() && (idmap || (user_namespace && ::geteuid() == 0));
    plan.push_back(std::move(planned));
  }
  return plan;
}

Result<std::vector<UniqueFd>> prepare_mounts(const std::vector<PlannedMount>& plan, const std::string& bundle, int user_namespace) {
  std::vector<UniqueFd> prepared;
  for (const auto& planned : plan) {
    if (!planned.prepared_by_runtime) continue;
    prepared.push_back(
        TRY(clone_source(planned, bundle, user_namespace), "mount {} at {}", planned.mount->source, planned.mount->destination));
  }
  return prepared;
}

Result<> make_mounts(const std::vector<PlannedMount>& plan, MountContext& context) {
  std::size_t next_prepared = 0;
  for (const auto& planned : plan) {
    const auto& mount = *planned.mount;
    Result<> made;
    if ((planned.options.flags & MS_REMOUNT) != 0) {
      made = remount(planned, context);
    } else if (planned.options.is_bind()) {
      made = make_bind(planned, context, next_prepared);
    } else {
      made = make_file_system(planned, context);
    }
    TRY(std::move(made), "mount {} at {}", mount.source.empty() ? mount.type : mount.source, mount.destination);
  }
  return {};
}

Result<> finish_mounts(const std::vector<PlannedMount>& plan, int root) {
  for (const auto& planned : plan) {
    if (clean_path(planned.mount->destination) != "/dev" || planned.options.is_bind() || (planned.options.flags & MS_RDONLY) == 0) continue;
    auto mounted = TRY(reopen(root, "/dev"));
    TRY(os::set_attributes(mounted.get(), {.set = MOUNT_ATTR_RDONLY}, false), "make /dev read-only");
  }
  return {};
}

bool fills_dev(const std::vector<PlannedMount>& plan) {
  return std::none_of(plan.begin(), plan.end(),
                      [](const auto& planned) { return clean_path(planned.mount->destination) == "/dev" && planned.options.is_bind(); });
}

}  // namespace fulcrum::runtime
