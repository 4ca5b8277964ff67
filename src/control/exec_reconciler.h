// Follows execs to their end, so that it is recorded whether anybody waits for it or not.
#pragma once

#include <string>
#include <string_view>

#include "control/watcher.h"
#include "control/workload/parts.h"

namespace fulcrum::control {

/// What is known of an exec now: its record, with the sandbox's word on whether it runs. An exec of a run that is over has ended, with 137
/// when nobody knows better.
[[nodiscard]] Result<api::Exec> observe_exec(const Parts& parts, const api::Exec& exec);

/// Keys are exec_key(id).
class ExecReconciler final : public Reconciler {
 public:
  ExecReconciler(Parts& parts, SandboxWatch& watch) : parts_(parts), watch_(watch) {}
  Result<Outcome> reconcile(const std::string& key) override;
  std::string_view name() const override { return "exec"; }

 private:
  Parts& parts_;
  SandboxWatch& watch_;
};

/// What is put into the events of an exec: its ID, and its command as one line.
std::map<std::string, std::string> exec_attributes(const api::Exec& exec);

}  // namespace fulcrum::control
