// secret …, config …
#include <unistd.h>

#include "base/sys.h"
#include "cmd/fulcrum/named_objects.h"

namespace fulcrum::cli {
namespace {

std::string encode_base64(std::string_view data) {
  constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  for (std::size_t i = 0; i < data.size(); i += 3) {
    const auto byte = [&](std::size_t k) { return i + k < data.size() ? static_cast<unsigned char>(data[i + k]) : 0u; };
    const unsigned bits = byte(0) << 16 | byte(1) << 8 | byte(2);
    out += kDigits[bits >> 18];
    out += kDigits[bits >> 12 & 63];
    out += i + 1 < data.size() ? kDigits[bits >> 6 & 63] : '=';
    out += i + 2 < data.size() ? kDigits[bits & 63] : '=';
  }
  return out;
}

class Create : public Verb {
 public:
  explicit Create(std::string collection) : collection_(std::move(collection)) {}
  void declare(CLI::App& app) override {
    app.add_option("name", name_, "Name")->required();
    app.add_option("file", file_, "File with the data, or - for standard input")->required();
    add_list(app, "-l,--label", labels_, "key=value");
  }
  Result<int> run(Context& context) override {
    constexpr std::size_t kMost = 500 << 10;
    const auto data = TRY(file_ == "-" ? sys::read_all(STDIN_FILENO, kMost) : sys::read_file(file_, kMost));
    const json::object body{{"name", name_}, {"data", encode_base64(data)}, {"labels", pairs(labels_)}};
    TRY(context.call("POST", "/v1/" + collection_, json::serialize(body)));
    print_line(printable(name_));
    return 0;
  }

 private:
  std::string collection_, name_, file_;
  std::vector<std::string> labels_;
};

struct CreateSecret final : Create {
  CreateSecret() : Create("secrets") {}
};
struct CreateConfig final : Create {
  CreateConfig() : Create("configs") {}
};
struct ListSecrets final : ListObjects {
  ListSecrets() : ListObjects("secrets", {{"NAME", "spec.name"}, {"CREATED", "metadata.created"}}) {}
};
struct ListConfigs final : ListObjects {
  ListConfigs() : ListObjects("configs", {{"NAME", "spec.name"}, {"CREATED", "metadata.created"}}) {}
};
struct InspectSecret final : InspectObject {
  InspectSecret() : InspectObject("secrets") {}
};
struct InspectConfig final : InspectObject {
  InspectConfig() : InspectObject("configs") {}
};
struct RemoveSecrets final : RemoveObjects {
  RemoveSecrets() : RemoveObjects("secrets") {}
};
struct RemoveConfigs final : RemoveObjects {
  RemoveConfigs() : RemoveObjects("configs") {}
};

constexpr Command kCommands[] = {
    {"secret create", "Secrets and configs", "Keep bytes that workloads get as a file",
     "  printf hunter2 | fulcrum secret create db-password -", make_verb<CreateSecret>},
    {"secret ls", "Secrets and configs", "List secrets", "", make_verb<ListSecrets>},
    {"secret inspect", "Secrets and configs", "About a secret; never its data", "", make_verb<InspectSecret>},
    {"secret rm", "Secrets and configs", "Remove secrets", "", make_verb<RemoveSecrets>},
    {"config create", "Secrets and configs", "Keep a file for workloads", "  fulcrum config create nginx-conf nginx.conf",
     make_verb<CreateConfig>},
    {"config ls", "Secrets and configs", "List configs", "", make_verb<ListConfigs>},
    {"config inspect", "Secrets and configs", "About a config", "", make_verb<InspectConfig>},
    {"config rm", "Secrets and configs", "Remove configs", "", make_verb<RemoveConfigs>},
};

}  // namespace

std::span<const Command> file_commands() { return kCommands; }

}  // namespace fulcrum::cli
