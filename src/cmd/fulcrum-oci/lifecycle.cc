#include <signal.h>
#include <string.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>

#include "base/sys.h"
#include "commands.h"

namespace fulcrum::oci_cli {

Result<> print(std::string_view text) { return sys::write_all(STDOUT_FILENO, text); }

Result<int> parse_signal(const std::string& text) {
  int number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error == std::errc() && end == text.data() + text.size() && number >= 0 && number <= SIGRTMAX) return number;
  std::string name = text;
  for (auto& c : name) c = static_cast<char>(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
  if (name.starts_with("SIG")) name.erase(0, 3);
  for (int signo = 1; signo < 32; ++signo) {
    const char* known = ::sigabbrev_np(signo);
    if (known != nullptr && name == known) return signo;
  }
  if (name == "IOT") return SIGABRT;
  if (name == "CLD") return SIGCHLD;
  if (name == "POLL") return SIGIO;
  for (const auto& [word, base, sign] : {std::tuple("RTMIN", SIGRTMIN, 1), std::tuple("RTMAX", SIGRTMAX, -1)}) {
    if (!name.starts_with(word)) continue;
    if (name == word) return base;
    int offset = 0;
    const char* digits = name.c_str() + std::char_traits<char>::length(word) + 1;
    const auto parsed = std::from_chars(digits, name.c_str() + name.size(), offset);
    const int signo = base + sign * offset;
    if (parsed.ec == std::errc() && *parsed.ptr == '\0' && signo >= SIGRTMIN && signo <= SIGRTMAX) return signo;
  }
  return fail(Code::invalid_argument, "unknown signal {:?}", text);
}

Result<int> kill_command(Session& session, const Args& args) {
  auto container = TRY(runtime::Container::open(session.root, args.positional[0]));
  const auto signo = TRY(parse_signal(args.positional.size() > 1 ? args.positional[1] : "SIGTERM"));
  if (args.flag("all")) {
    TRY(container.signal_all(signo));
    return 0;
  }
  // Without a pid namespace, killing init would leave its children.
  const auto& namespaces = container.state().namespaces;
  const bool shares_pids = std::find(namespaces.begin(), namespaces.end(), "pid") == namespaces.end();
  if (signo == SIGKILL && shares_pids && !TRY(container.processes()).empty()) {
    TRY(container.signal_all(signo));  // also when init is gone already
    return 0;
  }
  TRY(container.signal(signo));
  return 0;
}

Result<int> delete_command(Session& session, const Args& args) {
  const auto& id = args.positional[0];
  const bool force = args.flag("force");
  auto container = runtime::Container::open(session.root, id);
  if (!container && container.error().code == Code::not_found) {
    TRY(runtime::Container::remove_remains(session.root, id));
    if (force) return 0;
  }
  if (!container) return std::unexpected(std::move(container).error());
  TRY(container->remove(force, [&session](const std::string& text) { session.report.warning(text); }));
  return 0;
}

Result<int> pause_command(Session& session, const Args& args) {
  auto container = TRY(runtime::Container::open(session.root, args.positional[0]));
  TRY(container.pause());
  return 0;
}

Result<int> resume_command(Session& session, const Args& args) {
  auto container = TRY(runtime::Container::open(session.root, args.positional[0]));
  TRY(container.resume());
  return 0;
}

}  // namespace fulcrum::oci_cli
