// What the daemon tells a NamespaceSandbox about itself and the machine.
#pragma once

#include <cstdint>
#include <string>

namespace fulcrum::sandbox {

struct NamespaceConfig {
  std::string data_dir;                    ///< workloads/<id>/{upper,work,logs,exit.json,run.json} below it
  std::string run_dir;                     ///< sandboxes/<id>/ and runtime/ below it; may vanish with a reboot
  std::string runtime;                     ///< absolute path of fulcrum-oci
  std::string shim;                        ///< absolute path of fulcrum-shim
  std::string init;                        ///< absolute path of fulcrum-init
  std::string cgroup_parent = "/fulcrum";  ///< containers get <parent>/<id>
  std::string userns = "host";             ///< what an empty security.userns means: host or auto
  std::string no_ports;                    ///< why ports cannot be published here; empty: they can
  std::uint32_t subid_base = 1'000'000;    ///< where ranges for userns "auto" begin
  std::uint32_t subid_count = 2048;        ///< how many ranges of 65536 there are
};

}  // namespace fulcrum::sandbox
