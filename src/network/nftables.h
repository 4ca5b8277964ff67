// Brings rulesets into the kernel: whole tables as text through libnftables, single elements straight through nfnetlink.
#pragma once

#include <span>
#include <string>

#include "base/error.h"
#include "network/ruleset.h"

namespace fulcrum::network {

/// Whether `table inet NAME` exists in this network namespace.
/// Errors: permission_denied, unimplemented (no nftables in this kernel).
[[nodiscard]] Result<bool> table_exists(const std::string& table);
/// Runs an nft script as one transaction. Error: internal or permission_denied with the library's words.
[[nodiscard]] Result<> run_script(const std::string& script);
/// Adds elements, all or none. An equal element that is there is success. Errors: not_found (the table is gone), failed_precondition (a map
/// has the key with another value).
[[nodiscard]] Result<> add_elements(const std::string& table, std::span<const Element> elements);
/// Removes elements; those that are not there are passed over, and so is a missing table.
[[nodiscard]] Result<> remove_elements(const std::string& table, std::span<const Element> elements);
/// Absence is success.
[[nodiscard]] Result<> delete_table(const std::string& table);

}  // namespace fulcrum::network
