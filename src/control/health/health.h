// Health checks: what is asked of a workload, when, and what the answers make of its status. Pure but for the probes themselves.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "api/oci/image_spec.h"
#include "api/workload/workload.h"
#include "base/wait.h"
#include "control/workload/parts.h"

namespace fulcrum::control {

/// A health check with every default filled in.
struct Check {
  enum class Kind { command, http, tcp } kind = Kind::command;
  std::vector<std::string> command;
  std::string path;        ///< http
  std::uint16_t port = 0;  ///< http, tcp
  std::chrono::nanoseconds interval = std::chrono::seconds(30);
  std::chrono::nanoseconds timeout = std::chrono::seconds(30);
  std::chrono::nanoseconds start_period{0};
  std::chrono::nanoseconds start_interval = std::chrono::seconds(5);
  std::uint32_t retries = 3;
};

/// The check of a workload, or of its image when it declares none; nothing when there is none or it is disabled.
std::optional<Check> effective_check(const api::WorkloadSpec& spec, const oci::ImageConfig& image);

/// When the next probe is due. The workload runs.
Time next_probe(const Check& check, const api::WorkloadStatus& status);

/// What a probe's result makes of the health. Failures in the start period do not count; the first success ends it.
void apply_result(const Check& check, Time started, const api::HealthResult& result, api::HealthStatus& health);

/// Runs one probe to its end or timeout. Never fails: what goes wrong is an unhealthy result that says so.
api::HealthResult probe(const Check& check, const api::Workload& workload, sandbox::Sandbox& sandbox, const Clock& clock,
                        const StopSource& stop);

/// Probes workloads when they are due, and tells of changes (health_status events, readiness of service names).
class HealthReconciler final : public Reconciler {
 public:
  HealthReconciler(Parts& parts, const StopSource& stop) : parts_(parts), stop_(stop) {}
  Result<Outcome> reconcile(const std::string& key) override;
  std::string_view name() const override { return "health"; }

 private:
  Parts& parts_;
  const StopSource& stop_;
};

}  // namespace fulcrum::control
