// The rows of the nouns that are parts of the engine itself.
#pragma once

#include <span>
#include <string>

#include "server/docker/operation.h"

namespace fulcrum::server::docker {

std::span<const Operation> auth_operations();
std::span<const Operation> disk_usage_operations();
std::span<const Operation> plugin_operations();

/// The text of docs/generated/docker-operations.md: every row.
std::string operations_page();

}  // namespace fulcrum::server::docker
