// network …
#include "cmd/fulcrum/named_objects.h"

namespace fulcrum::cli {
namespace {

class List final : public ListObjects {
 public:
  List()
      : ListObjects("networks", {{"NAME", "spec.name"},
                                 {"DRIVER", "spec.driver"},
                                 {"SUBNETS", "spec.subnets"},
                                 {"BRIDGE", "bridge"},
                                 {"INTERNAL", "spec.internal"}}) {}
  std::string cell(const json::value& item, const std::string& path) const override {
    if (path == "spec.internal") return text_at(item, path) == "true" ? "yes" : "no";
    if (path == "spec.driver" && text_at(item, path).empty()) return "bridge";
    if (path != "spec.subnets") return text_at(item, path);
    std::string out;
    if (const auto* subnets = at(item, path).if_array())
      for (const auto& subnet : *subnets) out += (out.empty() ? "" : ", ") + text_at(subnet, "subnet");
    return out;
  }
};

class Create final : public Verb {
 public:
  void declare(CLI::App& app) override {
    app.add_option("name", name_, "Name")->required();
    add_list(app, "--subnet", subnets_, "CIDR; chosen when absent");
    add_list(app, "--gateway", gateways_, "Gateway of the subnet at the same place");
    add_list(app, "--ip-range", ranges_, "CIDR from which addresses are assigned");
    app.add_flag("--internal", internal_, "No way out");
    app.add_flag("--ipv6", ipv6_, "IPv6 addresses too");
    add_list(app, "-o,--opt", options_, "mtu=…, icc=false, masquerade=false, bridge=NAME");
    add_list(app, "-l,--label", labels_, "key=value");
  }
  Result<int> run(Context& context) override {
    json::array subnets;
    for (std::size_t i = 0; i < subnets_.size(); ++i) {
      json::object subnet{{"subnet", subnets_[i]}};
      if (i < gateways_.size()) subnet["gateway"] = gateways_[i];
      if (i < ranges_.size()) subnet["ipRange"] = ranges_[i];
      subnets.push_back(std::move(subnet));
    }
    if (subnets_.empty() && (!gateways_.empty() || !ranges_.empty()))
      return fail(Code::invalid_argument, "--gateway and --ip-range need --subnet");
    const json::object body{{"name", name_}, {"subnets", std::move(subnets)}, {"internal", internal_},
                            {"ipv6", ipv6_}, {"options", pairs(options_)},    {"labels", pairs(labels_)}};
    print_line(text_at(TRY(context.call("POST", "/v1/networks", json::serialize(body))), "spec.name"));
    return 0;
  }

 private:
  std::string name_;
  std::vector<std::string> subnets_, gateways_, ranges_, options_, labels_;
  bool internal_ = false, ipv6_ = false;
};

class Connect final : public Verb {
 public:
  void declare(CLI::App& app) override {
    app.add_option("network", network_, "Network")->required();
    app.add_option("workload", workload_, "Workload")->required();
    add_list(app, "--alias", aliases_, "Further name");
    app.add_option("--ip", ip_, "Fixed IPv4 address");
    app.add_option("--ip6", ip6_, "Fixed IPv6 address");
  }
  Result<int> run(Context& context) override {
    json::object body{{"workload", workload_}, {"aliases", json::value_from(aliases_)}};
    if (!ip_.empty()) body["ip"] = ip_;
    if (!ip6_.empty()) body["ip6"] = ip6_;
    TRY(context.call("POST", "/v1/networks/" + encode(network_) + "/connect", json::serialize(body)));
    return 0;
  }

 private:
  std::string network_, workload_, ip_, ip6_;
  std::vector<std::string> aliases_;
};

class Disconnect final : public Verb {
 public:
  void declare(CLI::App& app) override {
    app.add_option("network", network_, "Network")->required();
    app.add_option("workload", workload_, "Workload")->required();
  }
  Result<int> run(Context& context) override {
    TRY(context.call("POST", "/v1/networks/" + encode(network_) + "/disconnect", json::serialize(json::object{{"workload", workload_}})));
    return 0;
  }

 private:
  std::string network_, workload_;
};

class Inspect final : public InspectObject {
 public:
  Inspect() : InspectObject("networks") {}
};
class Remove final : public RemoveObjects {
 public:
  Remove() : RemoveObjects("networks") {}
};
class Prune final : public PruneObjects {
 public:
  Prune() : PruneObjects("networks") {}
};

constexpr Command kCommands[] = {
    {"network ls", "Networks", "List networks", "", make_verb<List>},
    {"network create", "Networks", "Make a network",
     "  fulcrum network create shop\n  fulcrum network create --internal --subnet 10.9.0.0/24 back", make_verb<Create>},
    {"network connect", "Networks", "Join a running workload to a network", "  fulcrum network connect --alias db back shop-db",
     make_verb<Connect>},
    {"network disconnect", "Networks", "Take a workload out of a network", "", make_verb<Disconnect>},
    {"network inspect", "Networks", "Everything about a network", "", make_verb<Inspect>},
    {"network rm", "Networks", "Remove networks", "", make_verb<Remove>},
    {"network prune", "Networks", "Remove networks that nothing uses", "", make_verb<Prune>},
};

}  // namespace

std::span<const Command> network_commands() { return kCommands; }

}  // namespace fulcrum::cli
