// The short forms of the workload file, shared with the command line's flags. Errors: invalid_argument that quotes the text.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "api/workload/spec.h"
#include "base/error.h"

namespace fulcrum::api {

/// "[hostIp:][hostPort[-end]:]port[-end][/protocol]"; IPv6 addresses in brackets.
[[nodiscard]] Result<PortMapping> parse_port(std::string_view text);
std::string format_port(const PortMapping& port);
/// "[source:]target[:options]"; options: ro rw nocopy z Z and propagation names. A source starting with / . ~ is a bind.
[[nodiscard]] Result<Mount> parse_volume(std::string_view text);
/// "type=bind,source=…,target=…,readonly" as `docker run --mount`.
[[nodiscard]] Result<Mount> parse_mount(std::string_view text);
/// "target[:options]" as `docker run --tmpfs`.
[[nodiscard]] Result<Mount> parse_tmpfs(std::string_view text);
/// "name" or "source=name,target=…,uid=…,gid=…,mode=…".
[[nodiscard]] Result<FileReference> parse_file_reference(std::string_view text);
/// "name" or "name=net,alias=…,ip=…,ip6=…,mac-address=…".
[[nodiscard]] Result<NetworkAttachment> parse_network_attachment(std::string_view text);
/// "source[:target[:rwm]]".
[[nodiscard]] Result<Device> parse_device(std::string_view text);
/// "no", "always", "unless-stopped", "on-failure[:N]".
[[nodiscard]] Result<RestartPolicy> parse_restart(std::string_view text);
/// "nofile=1024[:2048]"; returns name and limit.
[[nodiscard]] Result<std::pair<std::string, Ulimit>> parse_ulimit(std::string_view text);

/// The topology of a name such as "vm-container".
[[nodiscard]] Result<Topology> parse_topology(std::string_view text);

/// A message when `name` cannot name a resource: [a-zA-Z0-9][a-zA-Z0-9_.-]{0,127}. Empty is right (a name is made up).
std::optional<std::string> check_name(const std::string& name);

}  // namespace fulcrum::api
