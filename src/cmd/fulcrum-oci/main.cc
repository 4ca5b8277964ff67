// fulcrum-oci: an OCI runtime with the command line of runc.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>

#include "commands.h"
#include "guard.h"
#include "os/user_namespace.h"

namespace fulcrum::oci_cli {
namespace {

constexpr FlagKind kText = FlagKind::text;
constexpr FlagKind kList = FlagKind::list;
constexpr FlagKind kBool = FlagKind::boolean;

template <std::size_t A, std::size_t B>
constexpr std::array<Flag, A + B> joined(const std::array<Flag, A>& a, const std::array<Flag, B>& b) {
  std::array<Flag, A + B> all;
  std::copy(b.begin(), b.end(), std::copy(a.begin(), a.end(), all.begin()));
  return all;
}

constexpr Flag kGlobal[] = {
    {"debug", "", kBool, "write debug lines to the log"},
    {"log", "", kText, "append log lines to this file instead of standard error"},
    {"log-format", "", kText, "text (default) or json"},
    {"root", "", kText, "folder of container states, on tmpfs (default /run/fulcrum-oci)"},
    {"systemd-cgroup", "", kBool, "take cgroupsPath as \"slice:prefix:name\" (the same path is made without asking systemd)"},
    {"cgroup-manager", "", kText, "cgroupfs (default), or systemd for --systemd-cgroup (crun's flag)"},
    {"rootless", "", kText, "true, false or auto: go on without a cgroup where none can be made"},
    {"help", "h", kBool, "print this"},
    {"version", "v", kBool, "print the version"},
};

constexpr Flag kPreserveFds = {"preserve-fds", "", kText, "pass this many descriptors from 3 on"};
constexpr Flag kPidFile = {"pid-file", "", kText, "file for the process id"};
constexpr Flag kConsoleSocket = {"console-socket", "", kText, "unix socket that gets the terminal's master"};
constexpr Flag kDetach = {"detach", "d", kBool, "leave when the process runs"};
constexpr Flag kNoSubreaper = {"no-subreaper", "", kBool, "nothing to disable: this runtime never becomes a subreaper"};

/// What create and run have in common.
constexpr std::array kCreate = {
    Flag{"bundle", "b", kText, "folder with config.json (default: the current one)"},
    Flag{"config", "f", kText, "file instead of config.json, relative to the bundle (crun's flag)"},
    kConsoleSocket,
    Flag{"pidfd-socket", "", kText, "unix socket that gets the pidfd of init"},
    kPidFile,
    Flag{"no-pivot", "", kBool, "move the root instead of pivot_root (for ramdisks)"},
    Flag{"no-new-keyring", "", kBool, "keep the caller's session keyring"},
    kPreserveFds,
};
constexpr auto kRun =
    joined(kCreate, std::array{kDetach, Flag{"keep", "", kBool, "do not delete the container when it has ended"}, kNoSubreaper});
constexpr Flag kExec[] = {
    kConsoleSocket,
    {"pidfd-socket", "", kText, "unix socket that gets the pidfd of the process"},
    {"cwd", "", kText, "working folder"},
    {"env", "e", kList, "set a variable"},
    {"tty", "t", kBool, "give it a terminal"},
    {"user", "u", kText, "uid[:gid]"},
    {"additional-gids", "g", kList, "one more group"},
    {"process", "p", kText, "process.json instead of flags"},
    kDetach,
    kPidFile,
    {"process-label", "", kText, "SELinux label"},
    {"apparmor", "", kText, "AppArmor profile"},
    {"no-new-privs", "", kBool, "no new privileges"},
    {"cap", "c", kList, "one more capability"},
    kPreserveFds,
    {"cgroup", "", kList, "an existing cgroup below the container's"},
    {"ignore-paused", "", kBool, "also in a paused container"},
    kNoSubreaper,
};
constexpr Flag kKill[] = {{"all", "a", kBool, "signal all processes of the container"}};
constexpr Flag kDelete[] = {{"force", "f", kBool, "kill it first if it runs"}};
constexpr Flag kList_[] = {{"format", "f", kText, "table or json"}, {"quiet", "q", kBool, "only ids"}};
constexpr Flag kPs[] = {{"format", "f", kText, "table or json"}};
constexpr Flag kEvents[] = {{"interval", "", kText, "time between statistics (default 5s)"}, {"stats", "", kBool, "print statistics once"}};
constexpr Flag kSpec[] = {{"bundle", "b", kText, "folder for config.json"}, {"rootless", "", kBool, "for users without privilege"}};
constexpr Flag kUpdate[] = {
    {"resources", "r", kText, "JSON file with linux.resources, or - for standard input"},
    {"blkio-weight", "", kText, "10-1000"},
    {"cpu-period", "", kText, "microseconds"},
    {"cpu-quota", "", kText, "microseconds in each period"},
    {"cpu-burst", "", kText, "microseconds"},
    {"cpu-share", "", kText, "relative weight"},
    {"cpu-rt-period", "", kText, "microseconds"},
    {"cpu-rt-runtime", "", kText, "microseconds"},
    {"cpuset-cpus", "", kText, "list"},
    {"cpuset-mems", "", kText, "list"},
    {"kernel-memory", "", kText, "obsolete"},
    {"kernel-memory-tcp", "", kText, "obsolete"},
    {"memory", "", kText, "bytes, -1 for no limit"},
    {"cpu-idle", "", kText, "0 or 1"},
    {"memory-reservation", "", kText, "bytes"},
    {"memory-swap", "", kText, "bytes of memory and swap, -1 for no limit"},
    {"pids-limit", "", kText, "processes"},
    {"l3-cache-schema", "", kText, "refused: intelRdt"},
    {"mem-bw-schema", "", kText, "refused: intelRdt"},
};

constexpr Command kCommands[] = {
    {"create", "<container-id>", "create a container", kCreate, 1, 1, false, create_command},
    {"start", "<container-id>", "start the process of a created container", {}, 1, 1, false, start_command},
    {"run", "<container-id>", "create and start a container", kRun, 1, 1, false, run_command},
    {"exec", "<container-id> <command> [args…] | -p process.json <container-id>", "start another process inside", kExec, 1, -1, true,
     exec_command},
    {"kill", "<container-id> [signal]", "send a signal (default SIGTERM) to init", kKill, 1, 2, false, kill_command},
    {"delete", "<container-id>", "delete what a container holds", kDelete, 1, 1, false, delete_command},
    {"state", "<container-id>", "print the state", {}, 1, 1, false, state_command},
    {"list", "", "list containers", kList_, 0, 0, false, list_command},
    {"ps", "<container-id> [ps options]", "list the processes of a container", kPs, 1, -1, true, ps_command},
    {"pause", "<container-id>", "suspend all processes", {}, 1, 1, false, pause_command},
    {"resume", "<container-id>", "resume all processes", {}, 1, 1, false, resume_command},
    {"update", "<container-id>", "change resource limits", kUpdate, 1, 1, false, update_command},
    {"events", "<container-id>", "print OOM events and statistics", kEvents, 1, 1, false, events_command},
    {"spec", "", "write a template config.json", kSpec, 0, 0, false, spec_command},
    {"features", "", "print what this runtime can do", {}, 0, 0, false, features_command},
    {"checkpoint", "<container-id>", "not supported", {}, 0, -1, true, checkpoint_command},
    {"restore", "<container-id>", "not supported", {}, 0, -1, true, checkpoint_command},
};

constexpr std::string_view kVersion = "0.1.0";

std::string flag_help(std::span<const Flag> flags) {
  std::string text;
  for (const auto& flag : flags) {
    const auto name =
        fmt::format("--{}{}{}", flag.name, flag.alias.empty() ? "" : fmt::format(", -{}", flag.alias), flag.kind == kBool ? "" : " value");
    text += fmt::format("   {:<28} {}\n", name, flag.help);
  }
  return text;
}

std::string global_help() {
  std::string text =
      "NAME:\n   fulcrum-oci - OCI runtime\n\nUSAGE:\n   fulcrum-oci [global options] command [options] [arguments…]\n\nCOMMANDS:\n";
  for (const auto& command : kCommands) text += fmt::format("   {:<12} {}\n", command.name, command.help);
  return text + "\nGLOBAL OPTIONS:\n" + flag_help(kGlobal);
}

std::string command_help(const Command& command) {
  return fmt::format("NAME:\n   fulcrum-oci {} - {}\n\nUSAGE:\n   fulcrum-oci {} [options] {}\n\nOPTIONS:\n{}", command.name, command.help,
                     command.name, command.usage, flag_help(command.flags));
}

std::string default_root() {
  const char* runtime_dir = std::getenv("XDG_RUNTIME_DIR");
  if (::geteuid() != 0 && runtime_dir != nullptr && *runtime_dir != '\0') return std::string(runtime_dir) + "/fulcrum-oci";
  return "/run/fulcrum-oci";
}

Result<> open_session(Session& session, const Args& global) {
  session.debug = global.flag("debug");
  TRY(session.report.open(global.text("log"), global.text("log-format"), session.debug));
  session.root = global.text("root", default_root());
  if (!session.root.starts_with('/')) {
    char* cwd = ::get_current_dir_name();
    if (cwd == nullptr) return fail_errno(errno, "current folder");
    session.root = std::string(cwd) + "/" + session.root;
    std::free(cwd);
  }
  const auto rootless = global.text("rootless", "auto");
  if (rootless != "auto" && rootless != "true" && rootless != "false")
    return fail(Code::invalid_argument, "--rootless is true, false or auto, not {:?}", rootless);
  session.rootless = rootless == "true" || (rootless == "auto" && (::geteuid() != 0 || os::in_user_namespace()));
  const auto manager = global.text("cgroup-manager", "cgroupfs");
  if (manager != "cgroupfs" && manager != "systemd")
    return fail(Code::unimplemented, "--cgroup-manager {:?}: use cgroupfs or systemd", manager);
  session.systemd_cgroup = global.flag("systemd-cgroup") || manager == "systemd";
  return {};
}

const Command* find_command(std::string_view name) {
  for (const auto& command : kCommands) {
    if (command.name == name) return &command;
  }
  return nullptr;
}

Result<int> dispatch(Session& session, const Command& command, const std::vector<std::string>& words) {
  if (!words.empty() && (words[0] == "--help" || words[0] == "-h")) {
    TRY(print(command_help(command)));
    return 0;
  }
  // What follows the container's id belongs to the program that exec starts.
  auto args = TRY(parse_args(command.flags, words, command.stop_at_positional));
  const auto count = static_cast<int>(args.positional.size());
  if (count < command.min_args)
    return fail(Code::invalid_argument, "fulcrum-oci: \"{}\" requires a minimum of {} argument(s)", command.name, command.min_args);
  if (command.max_args >= 0 && count > command.max_args) {
    return fail(Code::invalid_argument, "fulcrum-oci: \"{}\" requires a maximum of {} argument(s)", command.name, command.max_args);
  }
  return command.action(session, args);
}

int run(int argc, char** argv) {
  Session session;
  const std::vector<std::string> words(argv + 1, argv + argc);
  auto global = parse_args(kGlobal, words, true);
  auto opened = global ? open_session(session, *global) : Result<>(std::unexpected(global.error()));
  if (!opened) {
    session.report.error(opened.error().message);
    return 1;
  }
  if (global->flag("version")) return print(fmt::format("fulcrum-oci version {}\nspec: 1.2.1\n", kVersion)) ? 0 : 1;
  if (global->flag("help") || global->positional.empty() || global->positional[0] == "help") return print(global_help()) ? 0 : 1;
  const auto* command = find_command(global->positional[0]);
  if (command == nullptr) {
    session.report.error(fmt::format("No help topic for '{}'", global->positional[0]));
    return 3;
  }
  const std::string_view name = command->name;
  if (name == "create" || name == "run" || name == "exec") seal_own_program(argv);
  session.report.debug(fmt::format("fulcrum-oci {}: {} in {}", kVersion, fmt::join(global->positional, " "), session.root));
  auto code = dispatch(session, *command, {global->positional.begin() + 1, global->positional.end()});
  if (code) session.report.debug(fmt::format("{} ends with {}", command->name, *code));
  if (code) return *code;
  session.report.error(code.error().message);
  return 1;
}

}  // namespace

std::span<const Command> commands() { return kCommands; }

int listen_fds() {
  const char* text = std::getenv("LISTEN_FDS");
  if (text == nullptr) return 0;
  int count = 0;
  const std::string_view view(text);
  const auto [end, error] = std::from_chars(view.data(), view.data() + view.size(), count);
  return error == std::errc() && end == view.data() + view.size() && count > 0 && count < 1024 ? count : 0;
}

Result<> check_preserved(int count) {
  for (int fd = 3; fd < 3 + count; ++fd) {
    // What came through execve is not close-on-exec; what we opened ourselves is.
    const int flags = ::fcntl(fd, F_GETFD);
    if (flags < 0 || (flags & FD_CLOEXEC) != 0)
      return fail(Code::invalid_argument, "unable to stat preserved-fd {} (of {}): it is not open", fd - 3, count);
  }
  return {};
}

}  // namespace fulcrum::oci_cli

int main(int argc, char** argv) { return fulcrum::oci_cli::run(argc, argv); }
