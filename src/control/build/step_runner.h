// RUN steps as containers of this engine: default security profile, a network of their own, no record. They are in no list; what a crash
// leaves of them is collected as every sandbox without a workload is.
#pragma once

#include <map>
#include <string>

#include "api/workload/spec.h"
#include "control/workload/parts.h"
#include "image/build/host.h"
#include "sandbox/sandbox.h"

namespace fulcrum::control {

/// What a request says of its steps' containers.
struct StepLimits {
  api::Resources resources;
  std::string cgroup_parent;
  std::string network;  ///< "" (the default network), none, host, container:NAME or a network's name
  std::map<std::string, std::string> extra_hosts;
};

/// Thread-safe.
class StepRunner {
 public:
  StepRunner(const Parts& parts, sandbox::Sandbox& sandbox, StepLimits limits)
      : parts_(parts), sandbox_(sandbox), limits_(std::move(limits)) {}

  /// What of the limits cannot be had here. Errors: invalid_argument, unimplemented, not_found (the network).
  [[nodiscard]] Result<> check() const;
  std::string new_run();
  [[nodiscard]] Result<image::build::StepOutcome> run(const std::string& run, const image::build::RunStep& step,
                                                      const image::build::BuildHost::Output& output, const StopSource& stop);
  void discard(const std::string& run);

 private:
  api::Workload workload(const std::string& run, const image::build::RunStep& step) const;
  Result<> create(const api::Workload& workload, const image::build::RunStep& step, const StopSource& stop);
  Result<sandbox::Exit> follow(const WorkloadId& id, UniqueFd stream, const image::build::BuildHost::Output& output,
                               const StopSource& stop);
  const Parts& parts_;
  sandbox::Sandbox& sandbox_;
  StepLimits limits_;
};

}  // namespace fulcrum::control
