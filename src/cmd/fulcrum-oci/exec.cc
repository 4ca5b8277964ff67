#include <algorithm>
#include <charconv>

#include "base/sys.h"
#include "commands.h"
#include "foreground.h"

namespace fulcrum::oci_cli {
namespace {

Result<std::uint32_t> parse_id(std::string_view text) {
  std::uint32_t id = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), id);
  if (error != std::errc() || end != text.data() + text.size())
    return fail(Code::invalid_argument, "{:?} is not a numeric user or group id", text);
  return id;
}

Result<> set_user(oci::Process& process, const std::string& text) {
  const auto colon = text.find(':');
  process.user.uid = TRY(parse_id(std::string_view(text).substr(0, colon)));
  process.user.gid = colon == std::string::npos ? 0 : TRY(parse_id(std::string_view(text).substr(colon + 1)));
  return {};
}

void add_capability(oci::Process& process, const std::string& name) {
  if (!process.capabilities) process.capabilities.emplace();
  auto& sets = *process.capabilities;
  for (auto* set : {&sets.bounding, &sets.effective, &sets.permitted}) {
    if (std::find(set->begin(), set->end(), name) == set->end()) set->push_back(name);
  }
}

/// The container's own process, changed by flags.
Result<oci::Process> process_from_flags(const runtime::Container& container, const Args& args) {
  auto spec = TRY(container.spec());
  if (args.positional.size() < 2) return fail(Code::invalid_argument, "exec needs a command, or --process");
  auto process = std::move(spec.process).value_or(oci::Process());
  process.args.assign(args.positional.begin() + 1, args.positional.end());
  process.terminal = args.flag("tty");
  if (args.has("cwd")) process.cwd = args.text("cwd");
  if (process.cwd.empty()) process.cwd.assign(1, '/');
  if (args.has("apparmor")) process.apparmor_profile = args.text("apparmor");
  if (args.has("process-label")) process.selinux_label = args.text("process-label");
  if (args.has("no-new-privs")) process.no_new_privileges = args.flag("no-new-privs");
  for (const auto& name : args.list("cap")) add_capability(process, name);
  for (const auto& variable : args.list("env")) process.env.push_back(variable);
  if (args.has("user")) TRY(set_user(process, args.text("user")));
  for (const auto& gid : args.list("additional-gids")) process.user.additional_gids.push_back(TRY(parse_id(gid)));
  return process;
}

Result<oci::Process> process_for(const runtime::Container& container, const Args& args) {
  if (!args.has("process")) return process_from_flags(container, args);
  auto text = TRY(sys::read_file(args.text("process"), oci::kMaxSpecBytes));
  return oci::parse_process(text);
}

/// "[<controller>:]<cgroup>": one cgroup for every controller is what can be given here.
Result<std::string> sub_cgroup(const Args& args) {
  const auto values = args.list("cgroup");
  if (values.empty()) return std::string();
  if (values.size() > 1 || values[0].find(':') != std::string::npos) {
    return fail(Code::unimplemented, "--cgroup for single controllers is not supported");
  }
  if (values[0].find("..") != std::string::npos) return fail(Code::invalid_argument, "--cgroup {:?}: is not a sub-cgroup", values[0]);
  return values[0];
}

Result<int> exec(Session& session, const Args& args) {
  auto container = TRY(runtime::Container::open(session.root, args.positional[0]));
  const auto process = TRY(process_for(container, args));
  const bool detach = args.flag("detach");
  runtime::ExecOptions options;
  options.console_socket = args.text("console-socket");
  options.pidfd_socket = args.text("pidfd-socket");
  options.pid_file = args.text("pid-file");
  options.preserve_fds = static_cast<int>(TRY(args.number("preserve-fds", 0)));
  options.listen_fds = listen_fds();
  options.sub_cgroup = TRY(sub_cgroup(args));
  options.ignore_paused = args.flag("ignore-paused");
  options.warn = [&session](const std::string& text) { session.report.warning(text); };
  TRY(check_preserved(options.preserve_fds + options.listen_fds));
  if ((!detach || !process.terminal) && !options.console_socket.empty()) {
    return fail(Code::invalid_argument, "cannot use console socket if runc will not detach or allocate tty");
  }
  if (detach) {
    TRY(container.exec(process, options));
    return 0;
  }
  auto foreground = TRY(Foreground::prepare());
  options.console = [&foreground] { return foreground.make_console(); };
  options.plain_line_feeds = true;
  const auto started = TRY(container.exec(process, options));
  const auto status = foreground.wait(started);
  if (!status) return std::unexpected(status.error());
  return status->shell_code();
}

}  // namespace

Result<int> exec_command(Session& session, const Args& args) {
  auto code = exec(session, args);
  if (code) return code;
  // 255 tells a failed exec from the status of a program that ran.
  session.report.error(with_context(std::move(code).error(), "exec failed").message);
  return 255;
}

}  // namespace fulcrum::oci_cli
