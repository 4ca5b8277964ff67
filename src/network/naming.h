// Names that the engine gives to interfaces, so that it recognises its own after a crash.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "network/address.h"
#include "network/network.h"

namespace fulcrum::network {

/// "0" for an unnamed instance. Error: invalid_argument unless [a-z0-9]{1,16}.
[[nodiscard]] Result<std::string> normal_instance(const std::string& instance);
/// The engine's nftables table: "fulcrum" for instance 0, else "fulcrum_<instance>".
std::string table_name(std::string_view instance);

/// Interface names: a letter pair for the kind, four hex digits for the instance, eight for the object. Equal input, equal name.
std::string bridge_name(std::string_view instance, std::string_view network);
std::string port_name(std::string_view instance, std::string_view workload, std::string_view network);
/// Whether an interface name was made by this instance.
bool is_own_name(std::string_view instance, std::string_view interface);

/// Labels (IFLA_IFALIAS): "fulcrum:<instance>:network:<name>" and "fulcrum:<instance>:endpoint:<workload>:<network>".
std::string bridge_alias(std::string_view instance, std::string_view network);
std::string port_alias(std::string_view instance, std::string_view workload, std::string_view network);
/// Whether an alias was written by this instance.
bool is_own_alias(std::string_view instance, std::string_view alias);

/// A stable address of the bridge itself.
MacAddress bridge_mac(std::string_view instance, std::string_view network);
/// A member's address, made from its IPv4 address so that neighbours' caches stay right when an address gets a new owner.
MacAddress member_mac(const IpAddress& address);

/// Error: invalid_argument unless [a-zA-Z0-9][a-zA-Z0-9_.-]{0,62} and no mode's name.
[[nodiscard]] Result<> check_network_name(std::string_view name);
/// A name for the name server: labels of 1–63 letters, digits, '-' and '_', 253 in all. Error: invalid_argument.
[[nodiscard]] Result<> check_host_name(std::string_view name);

}  // namespace fulcrum::network
