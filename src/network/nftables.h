// Brings rulesets into the kernel: whole tables as text through libnftables, single elements straight through nfnetlink.
#pragma once

#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <utility>

#include "base/error.h"
#include "network/ruleset.h"
#include "os/netlink.h"

namespace fulcrum::network {

/// Whether `table inet NAME` exists in this network namespace.
/// Errors: permission_denied, unimplemented (no nftables in this kernel).
[[nodiscard]] Result<bool> table_exists(const std::string& table);
/// Runs an nft script as one transaction. Error: internal or permission_denied with the library's words.
[[nodiscard]] Result<> run_script(const std::string& script);
/// Adds and removes elements of one table. Thread-safe.
///
/// The socket is kept: closing one makes the kernel finish the garbage of earlier removals first, which takes milliseconds.
class TableElements {
 public:
  [[nodiscard]] static Result<std::unique_ptr<TableElements>> open(std::string table);

  /// All or none. An equal element that is there is success. Errors: not_found (the table is gone), failed_precondition (a map has the key
  /// with another value).
  [[nodiscard]] Result<> add(std::span<const Element> elements);
  /// Those that are not there are passed over, and so is a missing table.
  [[nodiscard]] Result<> remove(std::span<const Element> elements);

 private:
  TableElements(std::string table, netlink::Socket socket) : table_(std::move(table)), socket_(std::move(socket)) {}

  std::string table_;
  std::mutex mutex_;  // one exchange with the kernel at a time; the kernel answers at once
  netlink::Socket socket_;
};

/// Absence is success.
[[nodiscard]] Result<> delete_table(const std::string& table);

}  // namespace fulcrum::network
