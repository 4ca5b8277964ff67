#include <unistd.h>

#include "base/sys.h"
#include "commands.h"
#include "os/cgroup_layout.h"
#include "schema/schema.h"

namespace fulcrum::oci_cli {
namespace {

oci::Process default_process() {
  const std::vector<std::string> capabilities{"CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"};
  oci::Process process;
  process.terminal = true;
  process.args = {"sh"};
  process.env = {"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "TERM=xterm"};
  process.cwd = "/";
  process.no_new_privileges = true;
  process.capabilities =
      oci::Capabilities{.bounding = capabilities, .effective = capabilities, .inheritable = {}, .permitted = capabilities, .ambient = {}};
  process.rlimits = {{.type = "RLIMIT_NOFILE", .hard = 1024, .soft = 1024}};
  return process;
}

oci::Mount mount(const char* destination, const char* type, const char* source, std::vector<std::string> options) {
  return {
      .destination = destination, .type = type, .source = source, .options = std::move(options), .uid_mappings = {}, .gid_mappings = {}};
}

std::vector<oci::Mount> default_mounts(bool rootless) {
  std::vector<oci::Mount> mounts;
  mounts.push_back(mount("/proc", "proc", "proc", {}));
  mounts.push_back(mount("/dev", "tmpfs", "tmpfs", {"nosuid", "strictatime", "mode=755", "size=65536k"}));
  std::vector<std::string> pts{"nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"};
  if (!rootless) pts.push_back("gid=5");
  mounts.push_back(mount("/dev/pts", "devpts", "devpts", std::move(pts)));
  mounts.push_back(mount("/dev/shm", "tmpfs", "shm", {"nosuid", "noexec", "nodev", "mode=1777", "size=65536k"}));
  mounts.push_back(mount("/dev/mqueue", "mqueue", "mqueue", {"nosuid", "noexec", "nodev"}));
  if (rootless) {
    mounts.push_back(mount("/sys", "none", "/sys", {"rbind", "nosuid", "noexec", "nodev", "ro"}));
  } else {
    mounts.push_back(mount("/sys", "sysfs", "sysfs", {"nosuid", "noexec", "nodev", "ro"}));
  }
  mounts.push_back(mount("/sys/fs/cgroup", "cgroup", "cgroup", {"nosuid", "noexec", "nodev", "relatime", "ro"}));
  return mounts;
}

oci::Spec template_spec(bool rootless, bool cgroup_namespace) {
  oci::Spec spec;
  spec.oci_version = "1.0.2";
  spec.process = default_process();
  spec.root = oci::Root{.path = "rootfs", .readonly = true};
  spec.hostname = "fulcrum";
  spec.mounts = default_mounts(rootless);
  auto& linux = spec.linux.emplace();
  for (const char* type : {"pid", "network", "ipc", "uts", "mount", "cgroup"}) {
    if (rootless && std::string_view(type) == "network") continue;
    if (!cgroup_namespace && std::string_view(type) == "cgroup") continue;
    linux.namespaces.push_back({.type = type, .path = {}});
  }
  if (rootless) {
    linux.namespaces.push_back({.type = "user", .path = {}});
    linux.uid_mappings = {{.container_id = 0, .host_id = ::geteuid(), .size = 1}};
    linux.gid_mappings = {{.container_id = 0, .host_id = ::getegid(), .size = 1}};
  } else {
    linux.resources.emplace().devices = {{.allow = false, .type = {}, .major = {}, .minor = {}, .access = "rwm"}};
  }
  linux.masked_paths = {"/proc/acpi",       "/proc/asound",      "/proc/kcore",       "/proc/keys",    "/proc/latency_stats",
                        "/proc/timer_list", "/proc/timer_stats", "/proc/sched_debug", "/sys/firmware", "/proc/scsi"};
  linux.readonly_paths = {"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"};
  return spec;
}

}  // namespace

Result<int> spec_command(Session&, const Args& args) {
  const auto path = args.text("bundle", ".") + "/config.json";
  if (sys::exists(path)) return fail(Code::already_exists, "File {} exists. Remove it first", path);
  // As in runc's template: with cgroup v1 only who wants a cgroup namespace asks for one.
  const auto layout = CgroupLayout::detect();
  const bool v2 = layout && layout->mode() == CgroupMode::v2;
  auto document = TRY(schema::parse(oci::to_json(template_spec(args.flag("rootless"), v2))));
  TRY(sys::write_file_atomic(path, schema::pretty(document), 0644));
  return 0;
}

}  // namespace fulcrum::oci_cli
