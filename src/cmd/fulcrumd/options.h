// What fulcrumd is told on its command line and in its configuration file.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/error.h"

namespace fulcrum::daemon {

struct Options {
  std::string data_dir = "/var/lib/fulcrum";
  std::string run_dir = "/run/fulcrum";
  std::string socket;                     ///< default: <run_dir>/fulcrum.sock
  std::string docker_socket;              ///< one more unix socket, where Docker's clients look for one; empty: none
  std::string tls_listen;                 ///< HOST:PORT for clients with a certificate; empty: no TCP at all
  std::string tls_cert, tls_key, tls_ca;  ///< PEM files for it
  std::string socket_group;               ///< may use the socket besides root; empty: nobody
  std::string cgroup_parent = "/fulcrum";
  std::string instance;            ///< distinguishes engines that share a network namespace
  std::vector<std::string> dns;    ///< name servers of workloads that name none
  std::vector<std::string> pools;  ///< CIDRs from which automatic networks are cut
  unsigned pool_prefix = 24;
  std::vector<std::string> insecure_registries;
  std::vector<std::string> registry_mirrors;  ///< "docker.io=https://mirror.example"
  std::string certs_dir = "/etc/fulcrum/certs.d";
  std::string docker_config;    ///< a docker config.json with credentials; empty: none
  std::string userns = "host";  ///< of workloads that name none: host or auto
  std::string log_level = "info";
  bool log_json = false;
  std::string config_file;
  std::string libexec;                      ///< folder of fulcrum-oci, fulcrum-shim and fulcrum-init; default: that of this program
  std::string storage_limit;                ///< bytes that the store of objects may grow to
  bool rootless = false;                    ///< also implied by not being root
  std::string rootless_network = "auto";    ///< slirp4netns, none, or auto
  std::vector<std::string> rootless_enter;  ///< a command to run inside a rootless engine's namespaces instead of serving
  int ready_fd = -1;                        ///< "ready\n" is written there when the socket serves
};

/// The outcome of reading arguments: options, or a text to print and an exit code (--help, --version, mistakes).
struct Parsed {
  Options options;
  std::optional<int> exit_code;
  std::string text;
};
Parsed parse_options(int argc, char** argv);

}  // namespace fulcrum::daemon
