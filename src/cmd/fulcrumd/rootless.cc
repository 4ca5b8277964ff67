#include "fulcrumd/rootless.h"

#include <unistd.h>

#include <climits>
#include <cstdlib>

#include "base/log.h"
#include "base/sys.h"

namespace fulcrum::daemon {
namespace {

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : "";
}

Result<> make_absolute(std::string& path) {
  if (path.empty() || path.starts_with('/')) return {};
  char cwd[PATH_MAX];
  if (::getcwd(cwd, sizeof cwd) == nullptr) return fail_errno(errno, "find the current folder");
  path = std::string(cwd) + "/" + path;
  return {};
}

Result<std::string> user_data_dir() {
  if (const auto data = variable("XDG_DATA_HOME"); data.starts_with('/')) return data + "/fulcrum";
  if (const auto home = variable("HOME"); home.starts_with('/')) return home + "/.local/share/fulcrum";
  return fail(Code::failed_precondition, "neither XDG_DATA_HOME nor HOME is set: give --data-dir");
}

Result<std::string> user_run_dir() {
  if (const auto run = variable("XDG_RUNTIME_DIR"); run.starts_with('/')) return run + "/fulcrum";
  const auto usual = fmt::format("/run/user/{}", ::getuid());
  if (::access(usual.c_str(), W_OK) == 0) return usual + "/fulcrum";
  return fail(Code::failed_precondition, "XDG_RUNTIME_DIR is not set: give --run-dir, a folder on tmpfs");
}

}  // namespace

bool is_rootless(const Options& options) { return options.rootless || ::geteuid() != 0; }

Result<> choose_user_folders(Options& options) {
  const Options usual;
  const bool socket_given = options.socket != options.run_dir + "/fulcrum.sock";
  if (options.data_dir == usual.data_dir) options.data_dir = TRY(user_data_dir());
  if (options.run_dir == usual.run_dir) options.run_dir = TRY(user_run_dir());
  TRY(make_absolute(options.data_dir));
  TRY(make_absolute(options.run_dir));
  if (!socket_given) options.socket = options.run_dir + "/fulcrum.sock";
  return make_absolute(options.socket);
}

Result<os::Rootless> go_rootless(Options& options) {
  if (::geteuid() == 0) return fail(Code::invalid_argument, "--rootless is for ordinary users: start fulcrumd as one");
  if (!options.socket_group.empty())
    return fail(Code::unimplemented, "--socket-group: only its user may use a rootless engine, who could be impersonated otherwise");
  if (options.userns != "host") {
    return fail(Code::unimplemented, "--userns {}: a rootless engine cannot map layers to further user namespaces", options.userns);
  }
  TRY(choose_user_folders(options));
  if (options.cgroup_parent == Options().cgroup_parent) {
    const auto layout = CgroupLayout::detect();
    if (const auto own = layout ? os::settle_in_delegated_cgroup(*layout) : std::nullopt) options.cgroup_parent = *own;
  }
  auto rootless = TRY(os::enter_rootless({.run_dir = options.run_dir, .network = options.rootless_network}), "rootless");
  for (const auto& warning : rootless.warnings) log::warning(warning);
  log::info(
      rootless.fresh ? "namespaces made" : "namespaces joined",
      {{"holder", fmt::format("{}", rootless.holder)}, {"userIds", fmt::format("{}", rootless.user_ids)}, {"network", rootless.network}});
  return rootless;
}

std::string why_no_ports(const Options& options, const os::Rootless& rootless) {
  if (!rootless.forwards.empty() || options.rootless_network == "none") return {};
  return "nothing carries ports from the host into a rootless engine here: install slirp4netns (and let users open /dev/net/tun), or start "
         "fulcrumd with --rootless-network none to publish inside its network namespace only";
}

Result<> leave_rootless(const Options& options, sandbox::Sandbox& sandbox) {
  for (const auto& id : TRY(sandbox.list())) {
    const auto seen = TRY(sandbox.observe(id));
    if (seen.state != sandbox::State::absent && seen.state != sandbox::State::stopped) return {};
  }
  return os::end_rootless(options.run_dir);
}

Error enter_and_execute(Options& options) {
  const auto entered = [&]() -> Result<> {
    TRY(choose_user_folders(options));
    return os::join_rootless(options.run_dir);
  }();
  if (!entered) return entered.error();
  std::vector<char*> argv;
  for (auto& word : options.rootless_enter) argv.push_back(word.data());
  argv.push_back(nullptr);
  ::execvp(argv[0], argv.data());
  return fail_errno(errno, "execute {}", options.rootless_enter[0]).error();
}

}  // namespace fulcrum::daemon
