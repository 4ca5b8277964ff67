// run, create
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <boost/json.hpp>

#include "api/workload/codec.h"
#include "base/sys.h"
#include "cmd/fulcrum/output.h"
#include "cmd/fulcrum/pull.h"
#include "cmd/fulcrum/session.h"
#include "cmd/fulcrum/spec_flags.h"
#include "cmd/fulcrum/start_failure.h"
#include "cmd/fulcrum/verb.h"

namespace fulcrum::cli {
namespace {

class Create : public Verb {
 public:
  void declare(CLI::App& app) override {
    flags_.declare(app);
    app.add_option("image", image_, "Image")->required();
    app.add_flag("-q,--quiet", quiet_, "No progress");
    app.add_flag("--insecure", insecure_, "Plain HTTP or unverified TLS for this registry");
  }
  int literal_after() const override { return 1; }
  int failure_status() const override { return 125; }

  Result<int> run(Context& context) override {
    const auto workload = TRY(create(context));
    print_line(text_at(workload, "metadata.uid"));
    return 0;
  }

 protected:
  Result<json::value> create(Context& context) {
    const auto spec = TRY(flags_.spec(image_, literal));
    TRY(pull_if_needed(context, spec, quiet_, insecure_));
    return context.call("POST", "/v1/workloads", api::to_json(spec));
  }

  SpecFlags flags_;
  std::string image_;
  bool quiet_ = false;
  bool insecure_ = false;
};

class Run final : public Create {
 public:
  void declare(CLI::App& app) override {
    Create::declare(app);
    app.add_flag("-d,--detach", detach_, "Leave it running and print its ID");
    app.add_option("--detach-keys", detach_keys_, "Keys that detach");
    app.add_flag("--sig-proxy,!--no-sig-proxy", signal_proxy_, "Give signals on to the program");
    app.add_option("--cidfile", id_file_, "Write the ID to this file");
  }

  Result<int> run(Context& context) override {
    if (detach_ && flags_.interactive && !flags_.tty) flags_.interactive = false;
    if (flags_.tty && flags_.interactive && !detach_ && ::isatty(STDIN_FILENO) == 0)
      return fail(Code::failed_precondition, "--tty: the input is not a terminal");
    if (!id_file_.empty() && sys::exists(id_file_)) return fail(Code::already_exists, "{} exists", id_file_);
    const auto workload = TRY(create(context));
    const auto uid = text_at(workload, "metadata.uid");
    if (!id_file_.empty()) TRY(sys::write_file_atomic(id_file_, uid));
    auto status = detach_ ? start_detached(context, uid) : start_attached(context, uid);
    if (status && !detach_ && !left_running_) TRY(wait_recorded(context, workload));
    if (status) return status;
    note("fulcrum: " + status.error().message);
    return status_of_start_failure(status.error());
  }

 private:
  static Result<int> start_detached(Context& context, const std::string& uid) {
    TRY(context.call("POST", workload_path(uid) + "/start"));
    print_line(uid);
    return 0;
  }

  Result<int> start_attached(Context& context, const std::string& uid) {
    const auto target = workload_path(uid) + "/attach?start=true&stdin=" + (flags_.interactive ? "true" : "false");
    auto connection = TRY(context.hijack(target, ""));
    const auto end = TRY(run_session(
        std::move(connection),
        {.tty = flags_.tty, .stdin_open = flags_.interactive, .signal_proxy = signal_proxy_ && !flags_.tty, .detach_keys = detach_keys_}));
    left_running_ = end.detached;
    if (end.detached) return 0;
    if (!end.lost) return end.exit_code;
    // The stream broke, the workload did not: its status is to be had.
    Context again(context.socket());
    const auto answer = TRY(again.call("GET", workload_path(uid) + "/wait?condition=stopped"), "the connection was lost");
    const auto* code = at(answer, "exitCode").if_int64();
    return code != nullptr ? static_cast<int>(*code) : 125;
  }

  /// The exit status came from the workload itself; what the engine shows is to agree when we return. With --rm its name, ports and volumes
  /// are free then.
  static Result<> wait_recorded(Context& context, const json::value& workload) {
    const bool removed = text_at(workload, "spec.autoRemove") == "true";
    const auto policy = text_at(workload, "spec.restart.name");
    if (!removed && !policy.empty() && policy != "no") return {};  // it may be running again
    const auto done =
        context.call("GET", workload_path(text_at(workload, "metadata.uid")) + "/wait?condition=" + (removed ? "removed" : "stopped"));
    if (!done && done.error().code != Code::not_found) return std::unexpected(done.error());
    return {};
  }

  bool detach_ = false;
  bool left_running_ = false;
  bool signal_proxy_ = true;
  std::string detach_keys_ = "ctrl-p,ctrl-q";
  std::string id_file_;
};

constexpr Command kCommands[] = {
    {"run", "Workloads", "Make a workload and start it",
     "  fulcrum run --rm debian echo hello\n  fulcrum run -it --rm debian sh\n  fulcrum run -d --name web -p 8080:80 -m 128Mi --restart "
     "always nginx\n"
     "  fulcrum run --rm -v data:/var/lib/data -v $PWD:/src:ro debian ls /src",
     make_verb<Run>},
    {"create", "Workloads", "Make a workload without starting it", "  fulcrum create --name web nginx", make_verb<Create>},
};

}  // namespace

std::span<const Command> run_commands() { return kCommands; }

}  // namespace fulcrum::cli
