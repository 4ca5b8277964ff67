// The commands of fulcrum-oci.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "args.h"
#include "base/error.h"
#include "report.h"
#include "runtime/container.h"

namespace fulcrum::oci_cli {

/// What the global flags say.
struct Session {
  std::string root;
  bool debug = false;
  bool rootless = false;
  bool systemd_cgroup = false;
  Report report;
};

/// A command returns the exit code of the program.
using Action = Result<int> (*)(Session&, const Args&);

struct Command {
  std::string_view name;
  std::string_view usage;
  std::string_view help;
  std::span<const Flag> flags;
  int min_args;
  int max_args;  ///< -1: any
  bool stop_at_positional;
  Action action;
};
std::span<const Command> commands();

Result<int> create_command(Session& session, const Args& args);
Result<int> run_command(Session& session, const Args& args);
Result<int> start_command(Session& session, const Args& args);
Result<int> exec_command(Session& session, const Args& args);
Result<int> kill_command(Session& session, const Args& args);
Result<int> delete_command(Session& session, const Args& args);
Result<int> pause_command(Session& session, const Args& args);
Result<int> resume_command(Session& session, const Args& args);
Result<int> state_command(Session& session, const Args& args);
Result<int> list_command(Session& session, const Args& args);
Result<int> ps_command(Session& session, const Args& args);
Result<int> update_command(Session& session, const Args& args);
Result<int> events_command(Session& session, const Args& args);
Result<int> features_command(Session& session, const Args& args);
Result<int> spec_command(Session& session, const Args& args);
Result<int> checkpoint_command(Session& session, const Args& args);

/// Writes to standard output, whole.
[[nodiscard]] Result<> print(std::string_view text);
/// The number of a signal: "9", "KILL", "SIGKILL", "RTMIN+3".
[[nodiscard]] Result<int> parse_signal(const std::string& text);
/// $LISTEN_FDS when systemd handed descriptors to this process.
int listen_fds();
/// Descriptors 3 … 3+n-1 must be open, or our own would go in their place.
[[nodiscard]] Result<> check_preserved(int count);

}  // namespace fulcrum::oci_cli
