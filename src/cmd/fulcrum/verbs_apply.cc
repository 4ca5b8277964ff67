// apply, up, down, validate
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <boost/json.hpp>
#include <map>
#include <set>

#include "api/workload/codec.h"
#include "base/sys.h"
#include "cmd/fulcrum/output.h"
#include "cmd/fulcrum/pull.h"
#include "cmd/fulcrum/verb.h"

namespace fulcrum::cli {
namespace {

/// A workload file as the daemon is to see it: relative paths made absolute, variables of the caller filled in.
Result<std::vector<api::WorkloadSpec>> read_file(const std::string& path) {
  auto specs =
      TRY(api::parse_workload_file(TRY(path == "-" ? sys::read_all(STDIN_FILENO, 8 << 20) : sys::read_file(path, 8 << 20))), "{}", path);
  for (auto& spec : specs) {
    if (spec.name.empty()) return fail(Code::invalid_argument, "{}: every workload of a file needs a name", path);
    for (auto& [name, value] : spec.env.variables)
      if (const char* ours = value ? nullptr : std::getenv(name.c_str())) value = ours;
  }
  return specs;
}

/// Dependencies first. Errors: invalid_argument for a circle or an unknown name.
Result<std::vector<api::WorkloadSpec>> ordered(std::vector<api::WorkloadSpec> specs) {
  std::vector<api::WorkloadSpec> out;
  std::set<std::string> placed, names;
  for (const auto& spec : specs)
    if (!names.insert(spec.name).second) return fail(Code::invalid_argument, "{} stands twice in the file", spec.name);
  for (const auto& spec : specs)
    for (const auto& [needed, how] : spec.depends_on)
      if (!names.contains(needed)) return fail(Code::invalid_argument, "{}: dependsOn: {} is not in the file", spec.name, needed);
  while (!specs.empty()) {
    const auto next = std::ranges::find_if(
        specs, [&](const auto& s) { return std::ranges::all_of(s.depends_on, [&](const auto& d) { return placed.contains(d.first); }); });
    if (next == specs.end()) return fail(Code::invalid_argument, "dependsOn goes in a circle: {}", specs[0].name);
    placed.insert(next->name);
    out.push_back(std::move(*next));
    specs.erase(next);
  }
  return out;
}

class FromFile : public Verb {
 public:
  void declare(CLI::App& app) override {
    app.add_option("-f,--file", file_, "Workload file, or - for standard input");
    app.add_option("file", file_, "The same");
  }

 protected:
  Result<std::vector<api::WorkloadSpec>> specs() const {
    auto read = TRY(read_file(file_));
    return ordered(std::move(read));
  }
  std::string file_ = "fulcrum.yaml";
};

Result<json::value> put(Context& context, const api::WorkloadSpec& spec, bool dry_run) {
  return context.call("PUT", workload_path(spec.name) + (dry_run ? "?dryRun=true" : ""), api::to_json(spec));
}

void show_changes(const json::value& answer, const std::string& name) {
  print_line(printable(name) + " " + text_at(answer, "action"));
  if (const auto* changes = at(answer, "changes").if_array())
    for (const auto& change : *changes)
      print_line("  " + printable(text_at(change, "path")) + ": " + printable(text_at(change, "from")) + " -> " +
                 printable(text_at(change, "to")));
}

class Apply final : public FromFile {
 public:
  void declare(CLI::App& app) override {
    FromFile::declare(app);
    app.add_flag("--dry-run,--diff", dry_run_, "Only show what would change");
    app.add_option("--format", format_, "table or json");
  }
  Result<int> run(Context& context) override {
    json::array items;
    for (const auto& spec : TRY(specs())) {
      if (!dry_run_) TRY(pull_if_needed(context, spec, false, false));
      auto answer = TRY(put(context, spec, dry_run_), "{}", spec.name);
      if (format_ == "json") {
        items.push_back(std::move(answer));
      } else {
        show_changes(answer, spec.name);
      }
    }
    if (format_ == "json") print_json(json::object{{"items", std::move(items)}});
    return 0;
  }

 private:
  bool dry_run_ = false;
  std::string format_ = "table";
};

class Up final : public FromFile {
 public:
  void declare(CLI::App& app) override {
    FromFile::declare(app);
    app.add_flag("--wait", wait_, "Return when every workload runs and is healthy");
  }
  Result<int> run(Context& context) override {
    const auto list = TRY(specs());
    TRY(make_networks(context, list));
    for (const auto& spec : list) {
      for (const auto& [needed, how] : spec.depends_on)
        TRY(wait_for(context, needed, how.condition), "{}: dependsOn {}", spec.name, needed);
      TRY(pull_if_needed(context, spec, false, false));
      const auto answer = TRY(put(context, spec, false), "{}", spec.name);
      // What was made or changed was started with it; only what is as declared may have ended or been stopped since.
      if (text_at(answer, "action") == "unchanged") TRY(context.call("POST", workload_path(spec.name) + "/start"), "{}", spec.name);
      print_line(printable(spec.name) + " " + text_at(answer, "action"));
    }
    if (!wait_) return 0;
    for (const auto& spec : list)
      if (spec.health && !spec.health->disable) TRY(wait_for(context, spec.name, "healthy"), "{}", spec.name);
    return 0;
  }

 private:
  /// Networks that the file names and nobody made yet; `down` removes those that it finds unused.
  Result<> make_networks(Context& context, const std::vector<api::WorkloadSpec>& list) const {
    std::set<std::string> names;
    for (const auto& spec : list) {
      for (const auto& n : spec.networks) names.insert(n.name);
      if (!spec.network.empty() && spec.network != "none" && spec.network != "host" && !spec.network.starts_with("container:"))
        names.insert(spec.network);
    }
    names.erase("default");
    for (const auto& name : names) {
      const auto made = context.call("POST", "/v1/networks",
                                     json::serialize(json::object{{"name", name}, {"labels", json::object{{"fulcrum.file", file_}}}}));
      if (!made && made.error().code != Code::already_exists) return std::unexpected(with_context(made.error(), "network " + name));
    }
    return {};
  }

  static Result<> wait_for(Context& context, const std::string& name, const std::string& condition) {
    const auto word = condition == "healthy" ? "healthy" : condition == "completed" ? "stopped" : "running";
    const auto answer = TRY(context.call("GET", workload_path(name) + "/wait?condition=" + word));
    if (condition == "completed" && text_at(answer, "exitCode") != "0")
      return fail(Code::failed_precondition, "it ended with {}", text_at(answer, "exitCode"));
    return {};
  }

  bool wait_ = false;
};

class Down final : public FromFile {
 public:
  void declare(CLI::App& app) override {
    FromFile::declare(app);
    app.add_flag("-v,--volumes", volumes_, "Named volumes of the file too");
    app.add_option("-t,--timeout", timeout_, "Seconds until a workload is killed");
  }
  Result<int> run(Context& context) override {
    auto list = TRY(specs());
    std::ranges::reverse(list);
    std::set<std::string> networks, volumes;
    for (const auto& spec : list) {
      for (const auto& n : spec.networks) networks.insert(n.name);
      if (!spec.network.empty()) networks.insert(spec.network);
      for (const auto& m : spec.volumes)
        if (m.type == "volume" && !m.source.empty()) volumes.insert(m.source);
      TRY(take_down(context, spec.name));
    }
    for (const auto& name : networks) {
      const auto network = context.call("GET", "/v1/networks/" + encode(name));
      if (network && text_at(*network, "spec.labels").find("fulcrum.file") != std::string::npos)
        if (const auto gone = context.call("DELETE", "/v1/networks/" + encode(name)); gone)
          print_line("network " + printable(name) + " removed");
    }
    if (volumes_)
      for (const auto& name : volumes)
        if (const auto gone = context.call("DELETE", "/v1/volumes/" + encode(name)); gone)
          print_line("volume " + printable(name) + " removed");
    return 0;
  }

 private:
  Result<> take_down(Context& context, const std::string& name) const {
    const auto stopped = context.call("POST", workload_path(name) + "/stop" + (timeout_.empty() ? "" : "?timeout=" + timeout_ + "s"));
    if (!stopped && stopped.error().code == Code::not_found) return {};
    const auto gone = context.call("DELETE", workload_path(name) + "?force=true&volumes=true");
    if (!gone && gone.error().code != Code::not_found) return std::unexpected(with_context(gone.error(), name));
    print_line(printable(name) + " removed");
    return {};
  }

  bool volumes_ = false;
  std::string timeout_;
};

class Validate final : public FromFile {
 public:
  Result<int> run(Context&) override {
    const auto list = TRY(specs());
    print_line(fmt::format("{}: {} workload{}, no error", file_, list.size(), list.size() == 1 ? "" : "s"));
    return 0;
  }
};

constexpr Command kCommands[] = {
    {"apply", "Workloads", "Make and start what a file declares; change what differs",
     "  fulcrum apply -f web.yaml\n  fulcrum apply --diff -f web.yaml", make_verb<Apply>},
    {"up", "Workloads", "apply a file with its networks, dependencies first", "  fulcrum up -f shop.yaml --wait", make_verb<Up>},
    {"down", "Workloads", "Stop and remove what a file declares", "  fulcrum down -f shop.yaml -v", make_verb<Down>},
    {"validate", "Workloads", "Check a file without an engine", "  fulcrum validate shop.yaml", make_verb<Validate>},
};

}  // namespace

std::span<const Command> apply_commands() { return kCommands; }

}  // namespace fulcrum::cli
