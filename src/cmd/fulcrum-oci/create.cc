#include <unistd.h>

#include "commands.h"
#include "foreground.h"

namespace fulcrum::oci_cli {
namespace {

Result<runtime::CreateOptions> creation(Session& session, const Args& args) {
  runtime::CreateOptions options;
  options.root = session.root;
  options.id = args.positional[0];
  options.bundle = args.text("bundle", ".");
  options.config = args.text("config", "config.json");
  options.console_socket = args.text("console-socket");
  options.pidfd_socket = args.text("pidfd-socket");
  options.pid_file = args.text("pid-file");
  options.preserve_fds = static_cast<int>(TRY(args.number("preserve-fds", 0)));
  options.listen_fds = listen_fds();
  options.no_pivot = args.flag("no-pivot");
  options.no_new_keyring = args.flag("no-new-keyring");
  options.ignore_cgroup_errors = session.rootless;
  options.warn = [&session](const std::string& text) { session.report.warning(text); };
  TRY(check_preserved(options.preserve_fds + options.listen_fds));
  return options;
}

Error named(std::string_view command, Error error) { return with_context(std::move(error), fmt::format("fulcrum-oci {} failed", command)); }

Result<int> run_in_foreground(runtime::CreateOptions& options, bool keep) {
  if (!options.console_socket.empty())
    return fail(Code::invalid_argument, "cannot use console socket if runc will not detach or allocate tty");
  auto foreground = TRY(Foreground::prepare());
  options.console = [&foreground] { return foreground.make_console(); };
  options.plain_line_feeds = true;
  auto container = TRY(runtime::Container::run(options));
  auto pidfd = TRY(open_pidfd(container.pid()));
  auto status = foreground.wait({container.pid(), std::move(pidfd)});
  if (!keep) TRY(container.remove(true, options.warn));
  if (!status) return std::unexpected(std::move(status).error());
  return status->shell_code();
}

}  // namespace

Result<int> create_command(Session& session, const Args& args) {
  auto options = TRY(creation(session, args));
  auto container = runtime::Container::create(options);
  if (!container) return std::unexpected(named("create", std::move(container).error()));
  return 0;
}

Result<int> run_command(Session& session, const Args& args) {
  auto options = TRY(creation(session, args));
  if (!args.flag("detach")) {
    auto code = run_in_foreground(options, args.flag("keep"));
    if (!code) return std::unexpected(named("run", std::move(code).error()));
    return code;
  }
  auto container = runtime::Container::run(options);
  if (!container) return std::unexpected(named("run", std::move(container).error()));
  return 0;
}

Result<int> start_command(Session& session, const Args& args) {
  auto container = TRY(runtime::Container::open(session.root, args.positional[0]));
  TRY(container.start());
  return 0;
}

Result<int> checkpoint_command(Session&, const Args&) {
  return fail(Code::unimplemented, "checkpoint and restore are not supported: this runtime does not use CRIU");
}

}  // namespace fulcrum::oci_cli
