// OCI device rules as what cgroup v1 files and v2 programs want.
#pragma once

#include <array>
#include <string>
#include <vector>

#include "api/oci/resources.h"
#include "base/error.h"
#include "os/cgroup_bpf.h"

namespace fulcrum::runtime {

/// What to write into devices.deny or devices.allow, in order.
struct DeviceWrite {
  bool allow = false;
  std::string line;  ///< "c 1:3 rwm", or "a" for all
  friend bool operator==(const DeviceWrite&, const DeviceWrite&) = default;
};

/// Rules as writes for a v1 devices cgroup, beginning with the one that sets the default. Error: unimplemented for a rule that takes
/// back a part of a wider one before it, which v1 cannot express ("allow c 1:* rwm, deny c 1:3 r").
[[nodiscard]] Result<std::vector<DeviceWrite>> device_writes(const std::vector<oci::DeviceRule>& rules);

/// The text of devices.list after those writes, lines sorted.
std::string device_list(const std::vector<DeviceWrite>& writes);

/// Rules as a v2 device program. For each bit of access asked for, the last rule that covers the device and the bit decides;
/// without one it is denied.
std::vector<BpfInstruction> device_program(const std::vector<oci::DeviceRule>& rules);

}  // namespace fulcrum::runtime
