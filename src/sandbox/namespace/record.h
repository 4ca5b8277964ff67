// What a NamespaceSandbox must remember of a workload beyond a reboot: <data folder>/workloads/<id>/run.json.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "sandbox/sandbox.h"

namespace fulcrum::sandbox {

struct Record {
  std::int64_t run = 0;
  std::vector<std::string> layers;  ///< topmost first
  std::string cgroup;               ///< absolute in every hierarchy; empty: none
  std::uint32_t subid = 0;          ///< first host id of its user namespace; 0: none
  std::uint32_t subid_size = 0;
  bool tty = false;
  bool own_network = true;
  bool privileged = false;
  friend bool operator==(const Record&, const Record&) = default;
};

std::string to_json(const Record& record);
[[nodiscard]] Result<Record> parse_record(std::string_view json);
/// exit.json as the shim wrote it. Errors: invalid_argument, also for a file that a power loss cut short.
[[nodiscard]] Result<Exit> parse_exit(std::string_view json, std::optional<Time>* started);
std::string to_json(const Exit& exit);
/// exec-<id>.json.
[[nodiscard]] Result<ExecState> parse_exec(std::string_view json);
/// The value of the annotation dev.fulcrum.rootfs.
std::string rootfs_annotation(const std::vector<std::string>& layers, const std::string& upper, const std::string& work);

}  // namespace fulcrum::sandbox
