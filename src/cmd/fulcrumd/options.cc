#include "fulcrumd/options.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <boost/json.hpp>

#include "base/sys.h"
#include "schema/yaml.h"

namespace fulcrum::daemon {

namespace {

namespace json = boost::json;

/// The configuration file is YAML with the long options as keys ("data-dir: /srv"). Lists stand for repeated options.
class YamlConfig final : public CLI::Config {
 public:
  std::string to_config(const CLI::App*, bool, bool, std::string) const override { return {}; }
  std::vector<CLI::ConfigItem> from_config(std::istream& input) const override {
    const std::string text{std::istreambuf_iterator<char>(input), {}};
    const auto documents = schema::parse_yaml(text);
    if (!documents) throw CLI::FileError(documents.error().message, CLI::ExitCodes::FileError);
    std::vector<CLI::ConfigItem> items;
    for (const auto& document : *documents) {
      if (document.is_null()) continue;
      if (!document.is_object()) throw CLI::FileError("the configuration file is no map", CLI::ExitCodes::FileError);
      for (const auto& [key, value] : document.get_object()) items.push_back(item(std::string(key), value));
    }
    return items;
  }

 private:
  static std::string text_of(const json::value& value) {
    return value.is_string() ? std::string(value.get_string()) : json::serialize(value);
  }
  static CLI::ConfigItem item(std::string name, const json::value& value) {
    CLI::ConfigItem item;
    item.name = std::move(name);
    if (const auto* array = value.if_array()) {
      for (const auto& element : *array) item.inputs.push_back(text_of(element));
    } else {
      item.inputs.push_back(text_of(value));
    }
    return item;
  }
};

void declare(CLI::App& app, Options& o) {
  app.add_option("--data-dir", o.data_dir, "Images, volumes, logs and state")->capture_default_str();
  app.add_option("--run-dir", o.run_dir, "What may vanish with a reboot")->capture_default_str();
  app.add_option("--socket", o.socket, "Unix socket of the API (default: RUN_DIR/fulcrum.sock)");
  app.add_option("--docker-socket", o.docker_socket, "One more unix socket of the API, e.g. /var/run/docker.sock");
  app.add_option("--socket-group", o.socket_group, "Group that may use the sockets besides root; its members own the host");
  app.add_option("--tls-listen", o.tls_listen, "HOST:PORT of the API for clients with a certificate of --tls-ca; there is no plain TCP");
  app.add_option("--tls-cert", o.tls_cert, "This server's certificate (PEM)");
  app.add_option("--tls-key", o.tls_key, "Its key (PEM)");
  app.add_option("--tls-ca", o.tls_ca, "Who signs the clients that may call (PEM)");
  app.add_option("--cgroup-parent", o.cgroup_parent, "cgroup below which workloads get theirs")->capture_default_str();
  app.add_option("--instance", o.instance, "Distinguishes engines in one network namespace: [a-z0-9]{1,16}");
  app.add_option("--dns", o.dns, "Name server for workloads that name none (repeatable)");
  app.add_option("--default-pool", o.pools, "Subnet from which automatic networks are cut (repeatable)");
  app.add_option("--default-pool-prefix", o.pool_prefix, "Prefix length of automatic networks")->capture_default_str();
  app.add_option("--insecure-registry", o.insecure_registries, "Registry whose TLS is not verified (repeatable)");
  app.add_option("--registry-mirror", o.registry_mirrors, "DOMAIN=URL, asked before the registry itself (repeatable)");
  app.add_option("--certs-dir", o.certs_dir, "Certificates by registry host")->capture_default_str();
  app.add_option("--docker-config", o.docker_config, "A docker config.json with credentials of registries");
  app.add_option("--userns", o.userns, "User namespace of workloads that name none")
      ->check(CLI::IsMember({"host", "auto"}))
      ->capture_default_str();
  app.add_option("--log-level", o.log_level, "Least level that is logged")
      ->check(CLI::IsMember({"debug", "info", "warning", "error"}))
      ->capture_default_str();
  app.add_flag("--log-json", o.log_json, "Log a JSON object a line");
  app.add_option("--libexec", o.libexec, "Folder of fulcrum-oci, fulcrum-shim and fulcrum-init (default: this program's)");
  app.add_option("--storage-limit", o.storage_limit, "Size that the store of objects may grow to, e.g. 4Gi");
  app.add_flag("--rootless", o.rootless, "Serve an ordinary user, in namespaces of its own; implied when not started as root");
  app.add_option("--rootless-network", o.rootless_network, "A rootless engine's way out and published ports")
      ->check(CLI::IsMember({"auto", "slirp4netns", "none"}))
      ->capture_default_str();
  app.add_option("--rootless-enter", o.rootless_enter,
                 "Run the command that follows inside the namespaces of the rootless engine of --run-dir");
  app.add_option("--ready-fd", o.ready_fd, "Write \"ready\" to this descriptor when the API serves");
}

}  // namespace

Parsed parse_options(int argc, char** argv) {
  Parsed parsed;
  // Everything behind it is another program's command line.
  const auto enter = std::find_if(argv + 1, argv + argc, [](const char* word) { return std::string_view(word) == "--rootless-enter"; });
  std::vector<std::string> command(enter == argv + argc ? enter : enter + 1, argv + argc);
  if (!command.empty()) argc = static_cast<int>(enter - argv);
  CLI::App app("The Fulcrum engine", "fulcrumd");
  app.set_version_flag("--version", "fulcrumd " FULCRUM_VERSION);
  declare(app, parsed.options);
  app.config_formatter(std::make_shared<YamlConfig>());
  app.set_config("--config", "", "YAML file with these options by their long names");
  app.allow_config_extras(CLI::config_extras_mode::error);
  try {  // CLI11 reports by exception
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    std::ostringstream out, err;
    parsed.exit_code = app.exit(error, out, err);
    parsed.text = out.str() + err.str();
  }
  if (!command.empty()) parsed.options.rootless_enter = std::move(command);
  if (parsed.options.socket.empty()) parsed.options.socket = parsed.options.run_dir + "/fulcrum.sock";
  return parsed;
}

}  // namespace fulcrum::daemon
