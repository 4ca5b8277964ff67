// NamespaceSandbox::create(): from a Plan to a container that waits for start.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <set>

#include "base/process.h"
#include "base/sys.h"
#include "runtime/mounts.h"
#include "runtime/overlay_root.h"
#include "sandbox/namespace/namespace_sandbox.h"
#include "sandbox/shim/options.h"
#include "sandbox/shim/runtime_error.h"

namespace fulcrum::sandbox {
namespace {

constexpr std::chrono::seconds kCreation{120};  // hooks and copying included
constexpr std::uint32_t kRange = 65536;

// Not synced: see NamespaceSandbox. A reader never sees half of it all the same.
Result<> write_small(const std::string& path, std::string_view text, mode_t mode = 0644) {
  const auto aside = path + ".new";
  {
    const auto file = TRY(sys::open(aside, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, mode));
    TRY(sys::write_all(file.get(), text), "write {}", path);
  }
  if (::rename(aside.c_str(), path.c_str()) != 0) return fail_errno(errno, "write {}", path);
  return {};
}

bool valid_id(const std::string& id) {
  return !id.empty() && id.size() <= 128 && id[0] != '.' &&
         id.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-") == std::string::npos;
}

Result<> first_violation(const schema::Violations& violations) {
  if (violations.empty()) return {};
  return std::unexpected(schema::to_error(violations));
}

}  // namespace

Result<> NamespaceSandbox::create(const Plan& plan, const StopSource& stop) {
  if (!valid_id(plan.id.str())) return fail(Code::invalid_argument, "\"{}\" is no workload id", plan.id.str());
  TRY(first_violation(unsupported(plan.spec)));
  const auto seen = TRY(observe(plan.id));
  if (seen.state != State::absent && seen.run == plan.run) return {};
  if (seen.state != State::absent && seen.state != State::stopped) {
    return fail(Code::failed_precondition, "create {}: run {} goes on", plan.name, seen.run);
  }
  if (auto connection = shim(plan.id))
    TRY(connection->wait_gone(stop, Deadline::in(kCreation)), "create {}: wait for the last run to be gone", plan.name);
  TRY(clear_remains(plan.id));
  TRY(sys::remove_tree(run(plan.id)));
  auto made = [&]() -> Result<> {
    TRY(make_folders(plan));
    const auto input = TRY(make_input(plan));
    TRY(fill_volumes(plan.layer_dirs, plan.mounts));
    TRY(write_files(plan, input));
    return launch(plan, input, stop);
  }();
  if (made) return {};
  // The shim may be at work still, when the wait for it was given up.
  (void)end_shim(plan.id);
  (void)clear_remains(plan.id);
  (void)sys::remove_tree(run(plan.id));
  (void)sys::remove_tree(data(plan.id) + "/run.json");
  return made;
}

Result<> NamespaceSandbox::make_folders(const Plan& plan) const {
  TRY(sys::make_directories(data(plan.id), 0710));
  for (const char* name : {"/upper", "/work", "/logs"}) TRY(sys::make_directories(data(plan.id) + name, 0755));
  TRY(sys::make_directories(run(plan.id) + "/rootfs", 0711));
  if (plan.spec.namespaces.ipc != "shareable") return {};
  const auto shm = run(plan.id) + "/shm";
  TRY(sys::make_directories(shm, 01777));
  if (::chmod(shm.c_str(), 01777) != 0) return fail_errno(errno, "set mode of {}", shm);
  return {};
}

Result<UserIds> NamespaceSandbox::look_up_user(const Plan& plan, const std::string& user) const {
  std::vector<std::string> layers{data(plan.id) + "/upper"};
  layers.insert(layers.end(), plan.layer_dirs.begin(), plan.layer_dirs.end());
  UserFiles files;
  UniqueFd root;  // only mounted when links are on the way
  for (const auto& [name, text] : {std::pair<const char*, std::string*>{"passwd", &files.passwd}, {"group", &files.group}}) {
    auto found = read_through_layers(layers, "etc", name);
    if (found) {
      if (*found) *text = std::move(**found);
      continue;
    }
    if (found.error().code != Code::failed_precondition) return std::unexpected(std::move(found).error());
    if (!root.valid())
      root = TRY(runtime::mount_overlay_root({.lower = layers, .upper = {}, .work = {}}, nullptr), "look up user {}", user);
    if (auto file = sys::open_in_root(root.get(), std::string("etc/") + name, O_RDONLY | O_NONBLOCK)) {
      *text = TRY(sys::read_all(file->get(), 4 << 20), "look up user {}", user);
    }
  }
  return find_user(user, plan.spec.groups, files);
}

Result<SpecInput> NamespaceSandbox::make_input(const Plan& plan) {
  if (plan.layer_dirs.empty()) return fail(Code::invalid_argument, "image: it has no layers");
  SpecInput input{.plan = &plan, .facts = facts_, .upper = data(plan.id) + "/upper", .work = data(plan.id) + "/work"};
  if (!plan.image_config.empty()) input.image = TRY(oci::parse_image_config(plan.image_config), "image config").config;
  input.user = TRY(look_up_user(plan, plan.spec.user.empty() ? input.image.user : plan.spec.user));
  if (!plan.resolv_conf.empty()) input.resolv_conf = run(plan.id) + "/resolv.conf";
  if (!plan.hosts_file.empty()) input.hosts = run(plan.id) + "/hosts";
  if (!plan.hostname.empty()) input.hostname = run(plan.id) + "/hostname";
  if (input.user.uid >= facts_.user_ids) {
    return fail(Code::invalid_argument, "user: id {} does not exist in this rootless engine, which has {} (ranges in /etc/subuid)",
                input.user.uid, facts_.user_ids);
  }
  input.init = config_.init;
  const auto& parent = plan.spec.cgroup_parent.empty() ? config_.cgroup_parent : plan.spec.cgroup_parent;
  if (!parent.starts_with('/')) return fail(Code::invalid_argument, "cgroupParent: \"{}\" is not absolute", parent);
  if (!layout_.hierarchies().empty()) input.cgroup = parent + (parent.ends_with('/') ? "" : "/") + plan.id.str();
  if (plan.spec.namespaces.ipc == "shareable") input.shared_memory = run(plan.id) + "/shm";
  TRY(resolve_joins(plan, input));
  TRY(set_subid(plan, input));
  return input;
}

Result<> NamespaceSandbox::resolve_joins(const Plan& plan, SpecInput& input) {
  const auto needs = [&](const char* kind, const std::string& mode) -> Result<> {
    if (!joins(mode)) return {};
    const auto found = std::ranges::find(plan.joins, kind, &Join::kind);
    if (found == plan.joins.end()) return fail(Code::invalid_argument, "{}: {} was not resolved", kind, mode);
    const auto reply = ask(found->target, {.type = shim::Type::status});
    if (!reply || reply->pid == 0) return fail(Code::failed_precondition, "{}: {} does not run", kind, mode);
    input.joins[kind] = reply->pid;
    if (std::string_view(kind) != "ipc") return {};
    input.shared_memory = run(found->target) + "/shm";
    if (sys::exists(input.shared_memory)) return {};
    return fail(Code::failed_precondition, "namespaces.ipc: {} is not shareable (namespaces.ipc: shareable)", mode);
  };
  TRY(needs("network", plan.spec.network));
  TRY(needs("pid", plan.spec.namespaces.pid));
  return needs("ipc", plan.spec.namespaces.ipc);
}

Result<std::uint32_t> NamespaceSandbox::choose_subid(const WorkloadId& id) {
  std::set<std::uint32_t> taken;
  for (const auto& other : TRY(list())) {
    const auto known = TRY(record(other));
    if (!known || known->subid == 0) continue;
    if (other == id) return known->subid;
    taken.insert(known->subid);
  }
  for (std::uint32_t i = 0; i < config_.subid_count; ++i) {
    const auto first = config_.subid_base + i * kRange;
    if (!taken.contains(first)) return first;
  }
  return fail(Code::resource_exhausted, "security.userns: all {} ranges are taken", config_.subid_count);
}

Result<> NamespaceSandbox::set_subid(const Plan& plan, SpecInput& input) {
  const auto& given = plan.spec.security.userns;
  auto word = given.empty() ? config_.userns : given;
  if (given.empty() && (plan.spec.security.privileged || !own_namespace(plan.spec.network) || !own_namespace(plan.spec.namespaces.pid) ||
                        !own_namespace(plan.spec.namespaces.ipc))) {
    word = "host";  // the default gives way to what was asked for
  }
  Record known{.run = plan.run,
               .layers = plan.layer_dirs,
               .cgroup = input.cgroup,
               .tty = plan.spec.tty,
               .own_network = own_namespace(plan.spec.network),
               .privileged = plan.spec.security.privileged};
  const std::lock_guard lock(subids_);  // until the choice is on disk
  if (word == "auto") {
    known.subid = TRY(choose_subid(plan.id));
    known.subid_size = kRange;
  } else if (word != "host") {
    const auto colon = word.find(':');
    unsigned long first = 0, size = 0;
    char* end = nullptr;
    if (colon != std::string::npos) {
      first = std::strtoul(word.c_str(), &end, 10);
      if (end == word.c_str() + colon) size = std::strtoul(word.c_str() + colon + 1, &end, 10);
    }
    if (size == 0 || first == 0 || *end != '\0' || first + size > 0xffffffff) {
      return fail(Code::invalid_argument, "security.userns: \"{}\" is neither host, auto nor UID:SIZE", word);
    }
    known.subid = static_cast<std::uint32_t>(first);
    known.subid_size = static_cast<std::uint32_t>(size);
  }
  input.subid = known.subid;
  input.subid_size = known.subid_size;
  return write_small(data(plan.id) + "/run.json", to_json(known), 0600);
}

Result<> NamespaceSandbox::write_files(const Plan& plan, const SpecInput& input) const {
  const auto spec = TRY(make_spec(input));
  TRY(oci::validate(spec));
  for (const auto& [path, text] : {std::pair<const std::string&, std::string>{input.resolv_conf, plan.resolv_conf},
                                   {input.hosts, plan.hosts_file},
                                   {input.hostname, plan.hostname + "\n"}}) {
    if (path.empty()) continue;
    TRY(write_small(path, text));
    if (input.subid != 0 && ::chown(path.c_str(), input.subid, input.subid) != 0) return fail_errno(errno, "give away {}", path);
  }
  TRY(write_small(run(plan.id) + "/process.json", oci::to_json(*spec.process), 0600));
  return write_small(run(plan.id) + "/config.json", oci::to_json(spec), 0600);
}

Result<> NamespaceSandbox::launch(const Plan& plan, const SpecInput& input, const StopSource& stop) const {
  const auto& spec = plan.spec;
  shim::Options options{.id = plan.id.str(),
                        .run = plan.run,
                        .directory = run(plan.id),
                        .state = data(plan.id),
                        .runtime = config_.runtime,
                        .runtime_root = runtime_root()};
  if (spec.log.driver != "none") options.log_directory = log_directory(plan.id);
  if (spec.log.max_size) options.log_size = spec.log.max_size->bytes;
  if (spec.log.max_files) options.log_files = *spec.log.max_files;
  if (!input.cgroup.empty()) {
    const auto group = TRY(Cgroup::open(layout_, input.cgroup));
    if (const auto folder = group.directory("memory")) {
      options.oom_file = *folder + (layout_.find("memory")->v2 ? "/memory.events" : "/memory.oom_control");
    }
  }
  options.tty = spec.tty;
  options.input = spec.stdin_open;
  options.input_once = spec.stdin_once;
  options.shared_pid = !own_namespace(spec.namespaces.pid);
  Process::Spec command{.argv = to_arguments(options)};
  command.argv.insert(command.argv.begin(), config_.shim);
  const auto output = TRY(fulcrum::run(command, {}, stop, Deadline::in(kCreation)), "create {}", plan.name);
  if (output.status.ok()) return {};
  const std::string_view printed = output.out.empty() ? output.err : output.out;
  auto error = shim::runtime_error(printed.starts_with("error ") ? printed.substr(6) : printed);
  return std::unexpected(with_context(std::move(error), "create " + plan.name));
}

}  // namespace fulcrum::sandbox
