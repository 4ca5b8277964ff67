// version info capabilities prune completion schema
#include <CLI/CLI.hpp>
#include <boost/json.hpp>

#include "api/workload/codec.h"
#include "cmd/fulcrum/completion.h"
#include "cmd/fulcrum/output.h"
#include "cmd/fulcrum/verb.h"
#include "version.h"

namespace fulcrum::cli {
namespace {

void print_tree(const json::object& object, int depth) {
  for (const auto& [key, value] : object) {
    const auto line = std::string(static_cast<std::size_t>(depth) * 2, ' ') + std::string(key) + ":";
    if (const auto* inner = value.if_object()) {
      print_line(line);
      print_tree(*inner, depth + 1);
    } else {
      print_line(line + " " + printable(value.is_string() ? std::string(value.as_string()) : json::serialize(value)));
    }
  }
}

class Version final : public Verb {
 public:
  void declare(CLI::App& app) override { app.add_option("--format", format_, "table or json"); }
  Result<int> run(Context& context) override {
    const auto engine = context.call("GET", "/v1/version");
    if (format_ == "json") {
      print_json(json::object{{"client", kVersion}, {"engine", engine ? *engine : json::value(nullptr)}});
      return 0;
    }
    print_line(std::string("fulcrum ") + kVersion);
    print_line(engine ? "engine  " + text_at(*engine, "version") : "engine  " + engine.error().message);
    return 0;
  }

 private:
  std::string format_ = "table";
};

class Info final : public Verb {
 public:
  void declare(CLI::App& app) override { app.add_option("--format", format_, "table or json"); }
  Result<int> run(Context& context) override {
    const auto answer = TRY(context.call("GET", "/v1/info"));
    if (format_ == "json") {
      print_json(answer);
    } else {
      print_tree(answer.as_object(), 0);
    }
    return 0;
  }

 private:
  std::string format_ = "table";
};

class Capabilities final : public Verb {
 public:
  void declare(CLI::App& app) override {
    app.add_option("--topology", topology_, "Only this one");
    app.add_option("--format", format_, "table or json");
  }
  Result<int> run(Context& context) override {
    const auto answer = TRY(context.call("GET", "/v1/capabilities"));
    if (format_ == "json") {
      print_json(answer);
      return 0;
    }
    Table table({"TOPOLOGY", "FIELD", "SUPPORT", "REASON", "NEAREST"});
    for (const auto& topology : at(answer, "topologies").as_array()) {
      const auto name = text_at(topology, "name");
      if (!topology_.empty() && name != topology_) continue;
      if (text_at(topology, "available") != "true") {  // every field of it is refused for the same reason
        table.add({name, "(all)", "refused", text_at(topology, "reason"), text_at(topology, "nearest")});
        continue;
      }
      for (const auto& [field, support] : at(topology, "fields").as_object())
        table.add({name, std::string(field), text_at(support, "support"), text_at(support, "reason"), text_at(support, "nearest")});
    }
    table.print();
    return 0;
  }

 private:
  std::string topology_, format_ = "table";
};

class Prune final : public Verb {
 public:
  void declare(CLI::App&) override {}
  Result<int> run(Context& context) override {
    print_tree(TRY(context.call("POST", "/v1/prune")).as_object(), 0);
    return 0;
  }
};

class Completion final : public Verb {
 public:
  void declare(CLI::App& app) override { app.add_option("shell", shell_, "bash, zsh or fish")->required(); }
  Result<int> run(Context&) override {
    print(TRY(completion_script(shell_)));
    return 0;
  }

 private:
  std::string shell_;
};

class SchemaVerb final : public Verb {
 public:
  void declare(CLI::App&) override {}
  Result<int> run(Context&) override {
    print(api::json_schema_text<api::WorkloadSpec>());
    return 0;
  }
};

constexpr Command kCommands[] = {
    {"version", "Engine", "Versions of the command line and the engine", "", make_verb<Version>},
    {"info", "Engine", "What this engine is, and what the host can do", "", make_verb<Info>},
    {"capabilities", "Engine", "What works, degrades or is refused at each topology", "  fulcrum capabilities --topology container",
     make_verb<Capabilities>},
    {"prune", "Engine", "Remove stopped workloads, unused networks, unnamed images", "", make_verb<Prune>},
    {"schema", "Engine", "The JSON Schema of the workload file, for editors", "  fulcrum schema > workload.schema.json",
     make_verb<SchemaVerb>},
    {"completion", "Engine", "Completion for a shell", "  source <(fulcrum completion bash)", make_verb<Completion>},
};

}  // namespace

std::span<const Command> system_commands() { return kCommands; }

}  // namespace fulcrum::cli
