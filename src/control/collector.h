// Removes what nobody wants any more: the rest of a crash, looked for at the start and from time to time.
#pragma once

#include <chrono>

#include "control/work_queue.h"
#include "control/workload/parts.h"
#include "sandbox/sandbox.h"

namespace fulcrum::control {

class Collector final : public Reconciler {
 public:
  static constexpr std::chrono::minutes kPeriod{10};

  Collector(Parts& parts, sandbox::Sandbox& sandbox) : parts_(parts), sandbox_(sandbox) {}
  /// Sandboxes, endpoints, image holds, files and volumes whose workload or record is gone. Each is looked up again right before it is
  /// removed: a record always comes before what it owns, so nothing new is hit.
  [[nodiscard]] Result<> collect();
  Result<Outcome> reconcile(const std::string& key) override;
  std::string_view name() const override { return "collector"; }

 private:
  Result<> sandboxes();
  Result<> endpoints();
  Result<> holders();
  Result<> files();
  Result<> volumes();
  Result<bool> exists(const std::string& uid);

  Parts& parts_;
  sandbox::Sandbox& sandbox_;
};

}  // namespace fulcrum::control
