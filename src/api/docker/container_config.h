// What a container runs, as the Engine API says it: Config of create and inspect.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "api/oci/image_spec.h"

namespace fulcrum::api::docker {

/// A list of words that old clients also write as one string, which is then the only word.
struct Words {
  std::vector<std::string> words;
  friend bool operator==(const Words&, const Words&) = default;
};

/// Durations are nanoseconds; 0: inherited.
struct HealthConfig {
  std::vector<std::string> test;  ///< empty: inherited; {"NONE"}, {"CMD", …}, {"CMD-SHELL", command}
  std::int64_t interval = 0;
  std::int64_t timeout = 0;
  std::int64_t start_period = 0;
  std::int64_t start_interval = 0;
  std::int64_t retries = 0;
  friend bool operator==(const HealthConfig&, const HealthConfig&) = default;
};

struct ContainerConfig {
  std::string hostname;
  std::string domainname;
  std::string user;
  bool attach_stdin = false;
  bool attach_stdout = false;
  bool attach_stderr = false;
  std::optional<oci::StringSet> exposed_ports;
  bool tty = false;
  bool open_stdin = false;
  bool stdin_once = false;
  std::vector<std::string> env;
  std::optional<Words> cmd;
  std::optional<HealthConfig> healthcheck;
  bool args_escaped = false;
  std::string image;
  oci::StringSet volumes;
  std::string working_dir;
  std::optional<Words> entrypoint;  ///< null: the image's; [] and [""]: none
  bool network_disabled = false;
  std::string mac_address;  ///< before 1.44
  std::optional<std::vector<std::string>> on_build;
  std::map<std::string, std::string> labels;
  std::string stop_signal;
  std::optional<std::int64_t> stop_timeout;  ///< seconds; -1: for ever
  std::vector<std::string> shell;
  friend bool operator==(const ContainerConfig&, const ContainerConfig&) = default;
};

}  // namespace fulcrum::api::docker
