// ls inspect port top stats events
#include <CLI/CLI.hpp>
#include <algorithm>
#include <boost/json.hpp>

#include "api/workload/short_forms.h"
#include "base/clock.h"
#include "cmd/fulcrum/output.h"
#include "cmd/fulcrum/verb.h"
#include "schema/schema.h"

namespace fulcrum::cli {
namespace {

std::int64_t number_at(const json::value& value, std::string_view path, std::int64_t fallback = 0) {
  const auto& found = at(value, path);
  if (const auto* i = found.if_int64()) return *i;
  if (const auto* u = found.if_uint64()) return static_cast<std::int64_t>(*u);
  return fallback;
}

std::string port_text(const json::value& port, bool host) {
  api::PortMapping p;
  p.host_ip = text_at(port, "hostIp");
  p.host_port = static_cast<std::uint16_t>(number_at(port, "hostPort"));
  p.port = static_cast<std::uint16_t>(number_at(port, "port"));
  p.count = static_cast<std::uint16_t>(number_at(port, "count", 1));
  const auto protocol = text_at(port, "protocol");
  p.protocol = protocol.empty() ? "tcp" : protocol;
  if (!host) return fmt::format("{}/{}", p.port, p.protocol);
  const auto ip = p.host_ip.empty() ? std::string("0.0.0.0") : p.host_ip;
  const auto address = fmt::format("{}:{}", ip.find(':') == std::string::npos ? ip : "[" + ip + "]", p.host_port);
  return p.count > 1 ? fmt::format("{}-{}", address, p.host_port + p.count - 1) : address;
}

std::string ports_of(const json::value& workload) {
  std::string out;
  const auto* ports = at(workload, "status.ports").if_array();
  if (ports == nullptr) return out;
  for (const auto& port : *ports) out += (out.empty() ? "" : ", ") + port_text(port, true) + "->" + port_text(port, false);
  return out;
}

std::string state_of(const json::value& workload) {
  auto out = text_at(workload, "status.phase");
  const auto health = text_at(workload, "status.health.status");
  if (out == "running" && !health.empty() && health != "none") out += " (" + health + ")";
  if (out == "stopped")
    out += fmt::format(" ({}{})", number_at(workload, "status.exitCode"),
                       text_at(workload, "status.oomKilled") == "true" ? ", out of memory" : "");
  if (out == "failed") out += " (" + text_at(workload, "status.reason") + ")";
  return out;
}

std::string command_of(const json::value& workload) {
  std::string out;
  for (const auto* path : {"spec.entrypoint", "spec.command"})
    if (const auto* words = at(workload, path).if_array())
      for (const auto& word : *words) out += (out.empty() ? "" : " ") + std::string(word.as_string());
  constexpr std::size_t kMost = 30;
  return out.size() > kMost ? out.substr(0, kMost) + "…" : out;
}

class List final : public Verb {
 public:
  void declare(CLI::App& app) override {
    app.add_flag("-a,--all", all_, "Also those that do not run");
    app.add_flag("-q,--quiet", quiet_, "IDs only");
    app.add_flag("--no-trunc", no_trunc_, "Whole IDs");
    add_list(app, "-f,--filter", filters_, "label=key[=value], name=…, phase=…");
    app.add_option("--format", format_, "table or json");
    app.add_flag("-w,--watch", watch_, "Print changes as they come (JSON lines)");
  }
  Result<int> run(Context& context) override {
    http::Query query;
    if (all_ || watch_) query.add("all", "true");
    for (const auto& filter : filters_) {
      const auto eq = filter.find('=');
      if (eq == std::string::npos) return fail(Code::invalid_argument, "--filter: \"{}\" is not key=value", filter);
      query.add(filter.substr(0, eq), filter.substr(eq + 1));
    }
    if (watch_) return follow(context, std::move(query));
    const auto answer = TRY(context.call("GET", "/v1/workloads?" + query.encode()));
    if (format_ == "json") {
      print_json(answer);
      return 0;
    }
    const auto now = Clock::system().now();
    Table table({"NAME", "STATE", "TOPOLOGY", "IMAGE", "COMMAND", "CREATED", "PORTS", "ID"});
    for (const auto& w : at(answer, "items").as_array()) {
      const auto uid = text_at(w, "metadata.uid");
      if (quiet_) {
        print_line(no_trunc_ ? uid : short_id(uid));
        continue;
      }
      const auto topology = text_at(w, "spec.topology");
      table.add({text_at(w, "spec.name"), state_of(w), topology.empty() ? "container" : topology, text_at(w, "spec.image"), command_of(w),
                 ago(text_at(w, "metadata.created"), now), ports_of(w), no_trunc_ ? uid : short_id(uid)});
    }
    if (!quiet_) table.print(1);
    return 0;
  }

 private:
  static Result<int> follow(Context& context, http::Query query) {
    query.add("watch", "true");
    auto response = TRY(context.stream({.target = "/v1/workloads?" + query.encode()}));
    while (const auto line = TRY(response.read_line())) print_line(*line);
    return 0;
  }

  bool all_ = false, quiet_ = false, no_trunc_ = false, watch_ = false;
  std::vector<std::string> filters_;
  std::string format_ = "table";
};

/// Looks a name up among workloads, images, volumes and networks, in this order.
class Inspect final : public Verb {
 public:
  void declare(CLI::App& app) override {
    app.add_option("name", names_, "Workloads, images, volumes, networks")->required();
    app.add_option("--type", type_, "workload, image, volume, network");
    app.add_option("--format", format_, "json, or a dotted path such as status.phase");
  }
  Result<int> run(Context& context) override {
    int status = 0;
    json::array items;
    for (const auto& name : names_) {
      auto found = find(context, name);
      if (found) {
        items.push_back(std::move(*found));
      } else {
        note("fulcrum: " + found.error().message);
        status = 1;
      }
    }
    if (!format_.empty() && format_ != "json") {
      for (const auto& item : items) print_line(text_at(item, format_));
    } else if (names_.size() == 1) {
      if (!items.empty()) print_json(items[0]);
    } else {
      print_json(json::object{{"items", std::move(items)}});
    }
    return status;
  }

 private:
  Result<json::value> find(Context& context, const std::string& name) const {
    const std::pair<std::string_view, std::string_view> kinds[] = {
        {"workload", "workloads"}, {"image", "images"}, {"volume", "volumes"}, {"network", "networks"}};
    for (const auto& [kind, path] : kinds) {
      if (!type_.empty() && type_ != kind) continue;
      auto found = context.call("GET", "/v1/" + std::string(path) + "/" + encode(name));
      if (found || found.error().code != Code::not_found) return found;
    }
    return fail(Code::not_found, "no such {}: {}", type_.empty() ? "object" : type_, printable(name));
  }

  std::vector<std::string> names_;
  std::string type_, format_;
};

class Port final : public Verb {
 public:
  void declare(CLI::App& app) override {
    app.add_option("name", name_, "Workload")->required();
    app.add_option("port", port_, "port[/protocol]");
    app.add_option("--format", format_, "table or json");
  }
  Result<int> run(Context& context) override {
    const auto workload = TRY(context.call("GET", workload_path(name_)));
    const auto& ports = at(workload, "status.ports");
    if (format_ == "json") {
      print_json(json::object{{"ports", ports.is_array() ? ports : json::value(json::array{})}});
      return 0;
    }
    const auto wanted = port_.empty() || port_.find('/') != std::string::npos ? port_ : port_ + "/tcp";
    bool found = false;
    if (const auto* list = ports.if_array()) {
      for (const auto& port : *list) {
        const auto inside = port_text(port, false);
        if (!wanted.empty() && inside != wanted) continue;
        found = true;
        print_line(wanted.empty() ? inside + " -> " + port_text(port, true) : port_text(port, true));
      }
    }
    if (!wanted.empty() && !found) return fail(Code::not_found, "{} of {} is not published", wanted, name_);
    return 0;
  }

 private:
  std::string name_, port_, format_ = "table";
};

class Top final : public Verb {
 public:
  void declare(CLI::App& app) override {
    app.add_option("name", name_, "Workload")->required();
    app.add_option("--format", format_, "table or json");
  }
  int literal_after() const override { return 1; }
  Result<int> run(Context& context) override {
    std::string args;
    for (const auto& word : literal) args += (args.empty() ? "" : " ") + word;
    const auto answer = TRY(context.call("GET", workload_path(name_) + "/top" + (args.empty() ? "" : "?args=" + encode(args))));
    if (format_ == "json") {
      print_json(answer);
      return 0;
    }
    const auto strings = [](const json::value& list) {
      std::vector<std::string> out;
      for (const auto& cell : list.as_array()) out.emplace_back(cell.as_string());
      return out;
    };
    Table table(strings(at(answer, "titles")));
    for (const auto& row : at(answer, "processes").as_array()) table.add(strings(row));
    table.print();
    return 0;
  }

 private:
  std::string name_, format_ = "table";
};

class Stats final : public Verb {
 public:
  void declare(CLI::App& app) override {
    app.add_option("name", names_, "Workloads (default: all that run)");
    app.add_flag("--no-stream", once_, "Print once");
    app.add_option("--format", format_, "table or json");
  }
  Result<int> run(Context& context) override {
    for (;;) {
      auto names = names_;
      if (names.empty()) {
        const auto running = TRY(context.call("GET", "/v1/workloads"));
        for (const auto& w : at(running, "items").as_array()) names.push_back(text_at(w, "spec.name"));
      }
      // CPU is what was used between two samples: once needs a first one, which is not shown.
      const bool first = once_ && format_ != "json" && last_.empty() && !names.empty();
      TRY(print_all(context, names, !first));
      if (once_ && !first) return 0;
      if (!wait_until(StopSource::never(), Deadline::in(std::chrono::seconds(1)))) return 0;
    }
  }

 private:
  Result<> print_all(Context& context, const std::vector<std::string>& names, bool show) {
    Table table({"NAME", "CPU %", "MEMORY / LIMIT", "MEM %", "NET RX / TX", "BLOCK R / W", "PIDS"});
    json::array items;
    for (const auto& name : names) {
      auto usage = TRY(context.call("GET", workload_path(name) + "/stats?stream=false"), "{}", name);
      const auto used = number_at(usage, "memory"), limit = number_at(usage, "memoryLimit");
      std::int64_t rx = 0, tx = 0;
      if (const auto* networks = at(usage, "networks").if_array())
        for (const auto& n : *networks) {
          rx += number_at(n, "rxBytes");
          tx += number_at(n, "txBytes");
        }
      table.add({name, cpu_percent(name, usage), format_size(used) + " / " + format_size(limit),
                 fmt::format("{:.1f}", limit > 0 ? 100.0 * static_cast<double>(used) / static_cast<double>(limit) : 0.0),
                 format_size(rx) + " / " + format_size(tx),
                 format_size(number_at(usage, "ioReadBytes")) + " / " + format_size(number_at(usage, "ioWriteBytes")),
                 text_at(usage, "pids")});
      usage.as_object()["name"] = name;
      items.push_back(std::move(usage));
    }
    if (!show) return {};
    if (format_ == "json") {
      print_json(json::object{{"items", std::move(items)}});
    } else {
      if (colours() && !once_) print("\033[H\033[2J");
      table.print();
    }
    return {};
  }

  /// Against the sample before; the first one is against the whole life.
  std::string cpu_percent(const std::string& name, const json::value& usage) {
    const auto time = parse_time(text_at(usage, "time"));
    if (!time) return "-";
    const std::pair sample{number_at(usage, "cpuNs"), time->time_since_epoch().count()};
    const auto before = std::ranges::find(last_, name, [](const auto& l) { return l.first; });
    if (before == last_.end()) {
      last_.emplace_back(name, sample);
      const auto previous = number_at(usage, "previous.cpuNs", -1);
      const auto then = parse_time(text_at(usage, "previous.time"));
      if (previous < 0 || !then) return "-";
      return percent(sample, {previous, then->time_since_epoch().count()});
    }
    const auto out = percent(sample, before->second);
    before->second = sample;
    return out;
  }
  static std::string percent(std::pair<std::int64_t, std::int64_t> now, std::pair<std::int64_t, std::int64_t> before) {
    const auto wall = now.second - before.second;
    return wall <= 0 ? "-" : fmt::format("{:.1f}", 100.0 * static_cast<double>(now.first - before.first) / static_cast<double>(wall));
  }

  std::vector<std::string> names_;
  std::vector<std::pair<std::string, std::pair<std::int64_t, std::int64_t>>> last_;
  bool once_ = false;
  std::string format_ = "table";
};

class Events final : public Verb {
 public:
  void declare(CLI::App& app) override {
    app.add_option("--since", since_, "From this time (RFC 3339) or this long ago (10m)");
    app.add_option("--until", until_, "Up to this time; then it ends");
    add_list(app, "-f,--filter", filters_, "type=workload, name=web");
    app.add_flag("--follow,!--no-follow", follow_, "Go on as they happen (default)");
    app.add_option("--format", format_, "table or json (a line each)");
  }
  Result<int> run(Context& context) override {
    http::Query query;
    if (!since_.empty()) query.add("since", since_);
    if (!until_.empty()) query.add("until", until_);
    for (const auto& filter : filters_) {
      const auto eq = filter.find('=');
      if (eq == std::string::npos) return fail(Code::invalid_argument, "--filter: \"{}\" is not key=value", filter);
      query.add(filter.substr(0, eq), filter.substr(eq + 1));
    }
    query.add("follow", follow_ && until_.empty() ? "true" : "false");
    auto response = TRY(context.stream({.target = "/v1/events?" + query.encode()}));
    while (const auto line = TRY(response.read_line())) {
      if (line->empty()) continue;
      if (format_ == "json") {
        print_line(*line);
        continue;
      }
      const auto event = TRY(schema::parse(*line));
      std::string text =
          text_at(event, "time") + " " + text_at(event, "type") + " " + text_at(event, "action") + " " + text_at(event, "name");
      if (const auto* attributes = at(event, "attributes").if_object())
        for (const auto& [key, value] : *attributes)
          text += " " + std::string(key) + "=" + (value.is_string() ? std::string(value.as_string()) : json::serialize(value));
      print_line(printable(text));
    }
    return 0;
  }

 private:
  std::string since_, until_, format_ = "table";
  std::vector<std::string> filters_;
  bool follow_ = true;
};

constexpr Command kCommands[] = {
    {"ls", "Look", "List workloads", "  fulcrum ls -a\n  fulcrum ls --filter label=tier=web --format json", make_verb<List>},
    {"inspect", "Look", "Everything about an object, as JSON", "  fulcrum inspect web\n  fulcrum inspect --format status.phase web",
     make_verb<Inspect>},
    {"port", "Look", "Published ports of a workload", "  fulcrum port web 80", make_verb<Port>},
    {"top", "Look", "Processes of a workload", "  fulcrum top web", make_verb<Top>},
    {"stats", "Look", "CPU, memory, network and disk in use", "  fulcrum stats --no-stream web", make_verb<Stats>},
    {"events", "Look", "What happens, in order", "  fulcrum events --since 10m --filter name=web", make_verb<Events>},
};

}  // namespace

std::span<const Command> list_commands() { return kCommands; }

}  // namespace fulcrum::cli
