// logs attach exec
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <boost/json.hpp>
#include <cstdlib>

#include "api/workload/codec.h"
#include "base/units.h"
#include "cmd/fulcrum/output.h"
#include "cmd/fulcrum/session.h"
#include "cmd/fulcrum/start_failure.h"
#include "cmd/fulcrum/verb.h"

namespace fulcrum::cli {
namespace {

class Logs final : public Verb {
 public:
  void declare(CLI::App& app) override {
    app.add_option("name", name_, "Workload")->required();
    app.add_flag("-f,--follow", follow_, "Go on as it writes");
    app.add_option("--since", since_, "From this time (RFC 3339) or this long ago (10m)");
    app.add_option("--until", until_, "Up to this time");
    app.add_option("-n,--tail", tail_, "Only the last lines");
    app.add_flag("-t,--timestamps", timestamps_, "Show times");
  }
  Result<int> run(Context& context) override {
    http::Query query;
    if (follow_) query.add("follow", "true");
    if (!since_.empty()) query.add("since", since_);
    if (!until_.empty()) query.add("until", until_);
    if (tail_ != "all") query.add("tail", tail_);
    if (timestamps_) query.add("timestamps", "true");
    auto response = TRY(context.stream({.target = workload_path(name_) + "/logs?" + query.encode()}));
    TRY(print_frames([&](char* data, std::size_t size) { return response.read(data, size); }));
    return 0;
  }

 private:
  std::string name_, since_, until_, tail_ = "all";
  bool follow_ = false, timestamps_ = false;
};

class Attach final : public Verb {
 public:
  void declare(CLI::App& app) override {
    app.add_option("name", name_, "Workload")->required();
    app.add_flag("--no-stdin", no_stdin_, "Do not send standard input");
    app.add_flag("--logs", logs_, "What it wrote so far, first");
    app.add_option("--detach-keys", detach_keys_, "Keys that detach");
    app.add_flag("--sig-proxy,!--no-sig-proxy", signal_proxy_, "Give signals on to the program");
  }
  Result<int> run(Context& context) override {
    const auto workload = TRY(context.call("GET", workload_path(name_)));
    const auto flag = [&](std::string_view path) {
      const auto* b = at(workload, path).if_bool();
      return b != nullptr && *b;
    };
    const bool tty = flag("spec.tty");
    const bool input = flag("spec.stdinOpen") && !no_stdin_;
    auto connection = TRY(
        context.hijack(workload_path(name_) + "/attach?stdin=" + (input ? "true" : "false") + "&logs=" + (logs_ ? "true" : "false"), ""));
    const auto end = TRY(run_session(
        std::move(connection), {.tty = tty, .stdin_open = input, .signal_proxy = signal_proxy_ && !tty, .detach_keys = detach_keys_}));
    if (end.lost) return fail(Code::unavailable, "the connection was lost");
    return end.exit_code;
  }

 private:
  std::string name_, detach_keys_ = "ctrl-p,ctrl-q";
  bool no_stdin_ = false, logs_ = false, signal_proxy_ = true;
};

class Exec final : public Verb {
 public:
  void declare(CLI::App& app) override {
    app.add_option("name", name_, "Workload")->required();
    app.add_flag("-i,--interactive", spec_.stdin_open, "Send standard input");
    app.add_flag("-t,--tty", spec_.tty, "A terminal");
    app.add_flag("-d,--detach", spec_.detach, "Leave it running");
    add_list(app, "-e,--env", env_, "NAME=value");
    app.add_option("-u,--user", spec_.user, "user[:group]");
    app.add_option("-w,--workdir", spec_.working_dir, "Working directory");
    app.add_flag("--privileged", spec_.privileged, "All capabilities");
    app.add_option("--detach-keys", detach_keys_, "Keys that detach");
  }
  int literal_after() const override { return 1; }
  int failure_status() const override { return 125; }

  Result<int> run(Context& context) override {
    if (literal.empty()) return fail(Code::invalid_argument, "exec: a command is missing");
    if (spec_.tty && spec_.stdin_open && ::isatty(STDIN_FILENO) == 0)
      return fail(Code::failed_precondition, "--tty: the input is not a terminal");
    spec_.command.words = literal;
    for (const auto& word : env_) {
      const auto eq = word.find('=');
      const char* ours = eq == std::string::npos ? std::getenv(word.c_str()) : nullptr;
      if (eq != std::string::npos) spec_.env.variables.emplace_back(word.substr(0, eq), word.substr(eq + 1));
      if (ours != nullptr) spec_.env.variables.emplace_back(word, ours);
    }
    const auto target = workload_path(name_) + "/exec";
    if (spec_.detach) {
      print_line(text_at(TRY(context.call("POST", target, api::to_json(spec_))), "id"));
      return 0;
    }
    auto end = attached(context, target);
    if (end) return *end;
    note("fulcrum: " + end.error().message);
    return status_of_start_failure(end.error());
  }

 private:
  Result<int> attached(Context& context, const std::string& target) const {
    auto connection = TRY(context.hijack(target, api::to_json(spec_)));
    const auto end = TRY(run_session(
        std::move(connection), {.tty = spec_.tty, .stdin_open = spec_.stdin_open, .signal_proxy = false, .detach_keys = detach_keys_}));
    if (end.lost) return fail(Code::unavailable, "the connection was lost");
    return end.exit_code;
  }

  std::string name_, detach_keys_ = "ctrl-p,ctrl-q";
  std::vector<std::string> env_;
  api::ExecSpec spec_;
};

constexpr Command kCommands[] = {
    {"logs", "Inside", "What a workload wrote", "  fulcrum logs -f --tail 100 web\n  fulcrum logs --since 10m web", make_verb<Logs>},
    {"exec", "Inside", "Run a command in a running workload", "  fulcrum exec -it web sh\n  fulcrum exec -u nobody -w /tmp web id",
     make_verb<Exec>},
    {"attach", "Inside", "Attach to the running program", "  fulcrum attach web", make_verb<Attach>},
};

}  // namespace

std::span<const Command> stream_commands() { return kCommands; }

}  // namespace fulcrum::cli
