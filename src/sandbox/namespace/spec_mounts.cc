#include <algorithm>
#include <array>

#include "sandbox/namespace/spec.h"

namespace fulcrum::sandbox {
namespace {

using Options = std::vector<std::string>;

// Docker's base mounts.
std::vector<oci::Mount> base_mounts(const SpecInput& input) {
  const auto& spec = input.plan->spec;
  const bool privileged = spec.security.privileged;
  const std::string access = privileged ? "rw" : "ro";
  std::vector<oci::Mount> mounts{
      {.destination = "/proc", .type = "proc", .source = "proc", .options = {"nosuid", "noexec", "nodev"}},
      {.destination = "/dev", .type = "tmpfs", .source = "tmpfs", .options = {"nosuid", "strictatime", "mode=755", "size=65536k"}},
      {.destination = "/dev/pts",
       .type = "devpts",
       .source = "devpts",
       .options = {"nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"}},
  };
  if (input.facts.user_ids == 1) mounts.back().options.pop_back();  // group 5 does not exist
  // A user namespace may mount sysfs only in a network namespace that it owns.
  if (input.subid != 0 && !own_namespace(spec.network)) {
    mounts.push_back({.destination = "/sys", .type = "none", .source = "/sys", .options = {"rbind", "nosuid", "noexec", "nodev", "ro"}});
  } else {
    mounts.push_back({.destination = "/sys", .type = "sysfs", .source = "sysfs", .options = {"nosuid", "noexec", "nodev", access}});
    if (!input.cgroup.empty())
      mounts.push_back(
          {.destination = "/sys/fs/cgroup", .type = "cgroup", .source = "cgroup", .options = {"nosuid", "noexec", "nodev", access}});
  }
  if (own_namespace(spec.namespaces.ipc) || joins(spec.namespaces.ipc)) {
    mounts.push_back({.destination = "/dev/mqueue", .type = "mqueue", .source = "mqueue", .options = {"nosuid", "noexec", "nodev"}});
  } else {
    mounts.push_back(
        {.destination = "/dev/mqueue", .type = "bind", .source = "/dev/mqueue", .options = {"bind", "nosuid", "noexec", "nodev"}});
  }
  return mounts;
}

void add_shared_memory(const SpecInput& input, std::vector<oci::Mount>& mounts) {
  const auto& spec = input.plan->spec;
  if (spec.namespaces.ipc == "none") return;
  oci::Mount shm{.destination = "/dev/shm", .type = "bind", .source = "/dev/shm", .options = {"bind", "nosuid", "noexec", "nodev"}};
  if (!input.shared_memory.empty()) {
    shm.source = input.shared_memory;
  } else if (spec.namespaces.ipc != "host") {
    const std::int64_t size = spec.resources.shm_size ? spec.resources.shm_size->bytes : 64 << 20;
    shm = {.destination = "/dev/shm",
           .type = "tmpfs",
           .source = "shm",
           .options = {"nosuid", "noexec", "nodev", "mode=1777", fmt::format("size={}", size)}};
  }
  mounts.push_back(std::move(shm));
}

void add_files(const SpecInput& input, std::vector<oci::Mount>& mounts) {
  const std::array<std::pair<const char*, const std::string*>, 3> files{
      {{"/etc/resolv.conf", &input.resolv_conf}, {"/etc/hosts", &input.hosts}, {"/etc/hostname", &input.hostname}}};
  for (const auto& [target, source] : files) {
    if (!source->empty()) mounts.push_back({.destination = target, .type = "bind", .source = *source, .options = {"rbind", "rprivate"}});
  }
  if (input.plan->spec.init) {
    mounts.push_back(
        {.destination = "/sbin/docker-init", .type = "bind", .source = input.init, .options = {"bind", "ro", "nosuid", "nodev"}});
  }
}

Result<oci::Mount> user_mount(const SpecInput& input, const ResolvedMount& given) {
  if (!given.target.starts_with('/') || given.target == "/") {
    return fail(Code::invalid_argument, "volumes: target \"{}\" must be an absolute path below /", given.target);
  }
  oci::Mount mount{.destination = given.target, .type = given.type, .source = given.source};
  if (given.type == "tmpfs") {
    mount.source = "tmpfs";
    mount.options = {"nosuid", "nodev", "noexec", "mode=1777"};  // what is said later counts
    mount.options.insert(mount.options.end(), given.options.begin(), given.options.end());
    if (given.size) mount.options.push_back(fmt::format("size={}", *given.size));
    if (given.mode) mount.options.push_back(fmt::format("mode={:o}", *given.mode));
    if (given.read_only) mount.options.emplace_back("ro");
    return mount;
  }
  if (given.type != "bind") return fail(Code::unimplemented, "volumes: mount type \"{}\"", given.type);
  if (!given.source.starts_with('/')) return fail(Code::invalid_argument, "volumes: source \"{}\" must be an absolute path", given.source);
  mount.options = {given.recursive ? "rbind" : "bind", given.propagation.empty() ? "rprivate" : given.propagation};
  if (given.read_only) mount.options.emplace_back(given.recursive && given.recursive_read_only ? "rro" : "ro");
  // Files of the workload's user namespace are stored under the ids that they have inside.
  if (input.subid != 0 && given.copy_up) mount.options.emplace_back("idmap");
  mount.options.insert(mount.options.end(), given.options.begin(), given.options.end());
  return mount;
}

std::size_t depth(const oci::Mount& mount) { return static_cast<std::size_t>(std::ranges::count(mount.destination, '/')); }

}  // namespace

Result<std::vector<oci::Mount>> make_mounts(const SpecInput& input) {
  auto mounts = base_mounts(input);
  add_shared_memory(input, mounts);
  add_files(input, mounts);
  std::vector<oci::Mount> given;
  for (const auto& one : input.plan->mounts) given.push_back(TRY(user_mount(input, one)));
  // What the user mounts at one of our places takes it.
  std::erase_if(mounts, [&](const auto& ours) {
    return std::ranges::any_of(given, [&](const auto& theirs) { return theirs.destination == ours.destination; });
  });
  std::ranges::stable_sort(given, {}, depth);
  mounts.insert(mounts.end(), std::make_move_iterator(given.begin()), std::make_move_iterator(given.end()));
  // Parents before children: a folder given by the user must not cover /etc/hosts.
  std::ranges::stable_sort(mounts, {}, depth);
  return mounts;
}

}  // namespace fulcrum::sandbox
