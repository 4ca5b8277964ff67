// start stop restart kill pause resume rm wait rename update
#include <CLI/CLI.hpp>
#include <boost/json.hpp>

#include "api/workload/codec.h"
#include "cmd/fulcrum/output.h"
#include "cmd/fulcrum/session.h"
#include "cmd/fulcrum/verb.h"

namespace fulcrum::cli {
namespace {

/// A verb that does one call for each named workload; goes on after an error and then fails.
class ForEach : public Verb {
 public:
  void declare(CLI::App& app) override { app.add_option("name", names_, "Workloads")->required(); }
  Result<int> run(Context& context) override {
    int status = 0;
    for (const auto& name : names_) {
      const auto done = one(context, name);
      if (done) {
        if (prints_names()) print_line(printable(name));
        continue;
      }
      note("fulcrum: " + done.error().message);
      status = 1;
    }
    return status;
  }

 protected:
  virtual Result<> one(Context& context, const std::string& name) = 0;
  virtual bool prints_names() const { return true; }
  std::vector<std::string> names_;
};

class Stop : public ForEach {
 public:
  void declare(CLI::App& app) override {
    ForEach::declare(app);
    app.add_option("-t,--time,--timeout", timeout_, "Seconds (or 1m30s) until it is killed");
    app.add_option("-s,--signal", signal_, "Signal that asks it to stop");
  }
  Result<> one(Context& context, const std::string& name) override {
    http::Query query;
    if (!timeout_.empty()) query.add("timeout", timeout_.find_first_not_of("0123456789") == std::string::npos ? timeout_ + "s" : timeout_);
    if (!signal_.empty()) query.add("signal", signal_);
    TRY(context.call("POST", workload_path(name) + "/" + std::string(verb()) + "?" + query.encode()));
    return {};
  }
  virtual std::string_view verb() const { return "stop"; }

 private:
  std::string timeout_, signal_;
};

class Restart final : public Stop {
  std::string_view verb() const override { return "restart"; }
};

class Kill final : public ForEach {
 public:
  void declare(CLI::App& app) override {
    ForEach::declare(app);
    app.add_option("-s,--signal", signal_, "Signal (default KILL)");
  }
  Result<> one(Context& context, const std::string& name) override {
    TRY(context.call("POST", workload_path(name) + "/kill?signal=" + encode(signal_)));
    return {};
  }

 private:
  std::string signal_ = "KILL";
};

class Pause : public ForEach {
  Result<> one(Context& context, const std::string& name) override {
    TRY(context.call("POST", workload_path(name) + "/pause"));
    return {};
  }
};
class Resume : public ForEach {
  Result<> one(Context& context, const std::string& name) override {
    TRY(context.call("POST", workload_path(name) + "/resume"));
    return {};
  }
};

class Start final : public Verb {
 public:
  void declare(CLI::App& app) override {
    app.add_option("name", names_, "Workloads")->required();
    app.add_flag("-a,--attach", attach_, "Attach to its output");
    app.add_flag("-i,--interactive", interactive_, "Send standard input");
    app.add_option("--detach-keys", detach_keys_, "Keys that detach");
  }
  Result<int> run(Context& context) override {
    if (!attach_ && !interactive_) return start_all(context);
    if (names_.size() != 1) return fail(Code::invalid_argument, "only one workload can be attached to");
    const auto workload = TRY(context.call("GET", workload_path(names_[0])));
    const auto* tty = at(workload, "spec.tty").if_bool();
    auto connection = TRY(context.hijack(workload_path(names_[0]) + "/attach?start=true&stdin=" + (interactive_ ? "true" : "false"), ""));
    const bool terminal = tty != nullptr && *tty;
    const auto end = TRY(run_session(
        std::move(connection), {.tty = terminal, .stdin_open = interactive_, .signal_proxy = !terminal, .detach_keys = detach_keys_}));
    return end.exit_code;
  }

 private:
  Result<int> start_all(Context& context) const {
    int status = 0;
    for (const auto& name : names_) {
      const auto done = context.call("POST", workload_path(name) + "/start");
      if (done) {
        print_line(printable(name));
      } else {
        note("fulcrum: " + done.error().message);
        status = 1;
      }
    }
    return status;
  }

  std::vector<std::string> names_;
  bool attach_ = false, interactive_ = false;
  std::string detach_keys_ = "ctrl-p,ctrl-q";
};

class Remove final : public ForEach {
 public:
  void declare(CLI::App& app) override {
    ForEach::declare(app);
    app.add_flag("-f,--force", force_, "Also when it runs; absence is no error");
    app.add_flag("-v,--volumes", volumes_, "Its anonymous volumes too");
  }
  Result<> one(Context& context, const std::string& name) override {
    const auto done =
        context.call("DELETE", workload_path(name) + "?force=" + (force_ ? "true" : "false") + "&volumes=" + (volumes_ ? "true" : "false"));
    if (!done && !(force_ && done.error().code == Code::not_found)) return std::unexpected(done.error());
    return {};
  }

 private:
  bool force_ = false, volumes_ = false;
};

class Wait final : public ForEach {
 public:
  void declare(CLI::App& app) override {
    ForEach::declare(app);
    app.add_option("--condition", condition_, "stopped, not-running, next-exit, removed, running, healthy");
    app.add_option("--format", format_, "table or json");
  }
  Result<> one(Context& context, const std::string& name) override {
    const auto answer = TRY(context.call("GET", workload_path(name) + "/wait?condition=" + encode(condition_)));
    if (format_ == "json") {
      print_json(answer);
    } else if (const auto code = text_at(answer, "exitCode"); !code.empty()) {
      print_line(code);
    }
    return {};
  }
  bool prints_names() const override { return false; }

 private:
  std::string condition_ = "stopped", format_ = "table";
};

class Rename final : public Verb {
 public:
  void declare(CLI::App& app) override {
    app.add_option("name", name_, "Workload")->required();
    app.add_option("new-name", new_name_, "Its new name")->required();
  }
  Result<int> run(Context& context) override {
    TRY(context.call("POST", workload_path(name_) + "/rename?name=" + encode(new_name_)));
    return 0;
  }

 private:
  std::string name_, new_name_;
};

class Update final : public ForEach {
 public:
  void declare(CLI::App& app) override {
    ForEach::declare(app);
    app.add_option("--cpus", cpus_, "CPUs of time");
    app.add_option("-m,--memory", memory_, "Memory limit");
    app.add_option("--memory-swap", memory_swap_, "Memory and swap");
    app.add_option("--memory-reservation", reservation_, "Left to it when memory is short");
    app.add_option("--pids-limit", pids_, "Processes and threads");
    app.add_option("-c,--cpu-shares", shares_, "Relative weight");
    app.add_option("--cpu-quota", quota_, "Microseconds per period");
    app.add_option("--cpu-period", period_, "Microseconds");
    app.add_option("--cpuset-cpus", cpuset_, "CPUs that may be used");
    app.add_option("--cpuset-mems", mems_, "Memory nodes that may be used");
    app.add_option("--blkio-weight", blkio_, "10 to 1000");
    app.add_option("--restart", restart_, "Restart policy");
  }
  Result<> one(Context& context, const std::string& name) override {
    json::object body;
    const auto text = [&](const char* key, const std::string& value) {
      if (!value.empty()) body[key] = value;
    };
    text("memory", memory_);
    text("memorySwap", memory_swap_);
    text("memoryReservation", reservation_);
    text("cpusetCpus", cpuset_);
    text("cpusetMems", mems_);
    text("restart", restart_);
    if (cpus_) body["cpus"] = *cpus_;
    const auto number = [&](const char* key, const std::optional<std::int64_t>& value) {
      if (value) body[key] = *value;
    };
    number("pids", pids_);
    number("cpuShares", shares_);
    number("cpuQuota", quota_);
    number("cpuPeriod", period_);
    number("blkioWeight", blkio_);
    if (body.empty()) return fail(Code::invalid_argument, "nothing to change; see fulcrum update --help");
    TRY(context.call("POST", workload_path(name) + "/update", json::serialize(body)));
    return {};
  }

 private:
  std::optional<double> cpus_;
  std::optional<std::int64_t> pids_, shares_, quota_, period_, blkio_;
  std::string memory_, memory_swap_, reservation_, cpuset_, mems_, restart_;
};

constexpr Command kCommands[] = {
    {"start", "Life", "Start workloads", "  fulcrum start web\n  fulcrum start -ai job", make_verb<Start>},
    {"stop", "Life", "Ask workloads to stop, then kill them", "  fulcrum stop -t 30 web", make_verb<Stop>},
    {"restart", "Life", "Stop and start workloads", "  fulcrum restart web", make_verb<Restart>},
    {"kill", "Life", "Send a signal", "  fulcrum kill -s HUP web", make_verb<Kill>},
    {"pause", "Life", "Freeze workloads", "  fulcrum pause web", make_verb<Pause>},
    {"resume", "Life", "Let paused workloads go on", "  fulcrum resume web", make_verb<Resume>},
    {"rm", "Life", "Remove workloads", "  fulcrum rm -f web\n  fulcrum rm -v $(fulcrum ls -aq)", make_verb<Remove>},
    {"wait", "Life", "Wait for a condition; prints the exit code", "  fulcrum wait job\n  fulcrum wait --condition healthy db",
     make_verb<Wait>},
    {"rename", "Life", "Give another name", "  fulcrum rename web web-old", make_verb<Rename>},
    {"update", "Life", "Change limits without a restart", "  fulcrum update -m 256Mi --cpus 2 web", make_verb<Update>},
};

}  // namespace

std::span<const Command> lifecycle_commands() { return kCommands; }

}  // namespace fulcrum::cli
