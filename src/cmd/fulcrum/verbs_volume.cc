// volume …
#include "cmd/fulcrum/named_objects.h"

namespace fulcrum::cli {
namespace {

class List final : public ListObjects {
 public:
  List() : ListObjects("volumes", {{"NAME", "spec.name"}, {"DRIVER", "spec.driver"}, {"PATH", "mountpoint"}}) {}
};
class Create final : public Verb {
 public:
  void declare(CLI::App& app) override {
    app.add_option("name", name_, "Name; made up when absent");
    add_list(app, "-o,--opt", options_, "type=…, device=…, o=…, size=…");
    add_list(app, "-l,--label", labels_, "key=value");
  }
  Result<int> run(Context& context) override {
    const json::object body{{"name", name_}, {"driver", "local"}, {"options", pairs(options_)}, {"labels", pairs(labels_)}};
    print_line(text_at(TRY(context.call("POST", "/v1/volumes", json::serialize(body))), "spec.name"));
    return 0;
  }

 private:
  std::string name_;
  std::vector<std::string> options_, labels_;
};
class Inspect final : public InspectObject {
 public:
  Inspect() : InspectObject("volumes") {}
};
class Remove final : public RemoveObjects {
 public:
  Remove() : RemoveObjects("volumes") {}
};
class Prune final : public PruneObjects {
 public:
  Prune() : PruneObjects("volumes") {}
};

constexpr Command kCommands[] = {
    {"volume ls", "Volumes", "List volumes", "", make_verb<List>},
    {"volume create", "Volumes", "Make a volume",
     "  fulcrum volume create data\n  fulcrum volume create -o type=tmpfs -o o=size=64m scratch", make_verb<Create>},
    {"volume inspect", "Volumes", "Everything about a volume", "", make_verb<Inspect>},
    {"volume rm", "Volumes", "Remove volumes and their data", "", make_verb<Remove>},
    {"volume prune", "Volumes", "Remove anonymous volumes that nothing uses", "", make_verb<Prune>},
};

}  // namespace

std::span<const Command> volume_commands() { return kCommands; }

}  // namespace fulcrum::cli
