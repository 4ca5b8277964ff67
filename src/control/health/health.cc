#include "control/health/health.h"

#include <algorithm>

#include "base/log.h"
#include "control/lifecycle.h"

namespace fulcrum::control {

using std::chrono::nanoseconds;

namespace {

constexpr std::size_t kKeptResults = 5;

std::optional<Check> image_check(const oci::Healthcheck& health) {
  if (health.test.size() < 2 || health.test.front() == "NONE") return std::nullopt;
  Check check;
  if (health.test.front() == "CMD") {
    check.command.assign(health.test.begin() + 1, health.test.end());
  } else {
    check.command = {"/bin/sh", "-c", health.test[1]};
  }
  if (health.interval > 0) check.interval = nanoseconds(health.interval);
  if (health.timeout > 0) check.timeout = nanoseconds(health.timeout);
  if (health.start_period > 0) check.start_period = nanoseconds(health.start_period);
  if (health.start_interval > 0) check.start_interval = nanoseconds(health.start_interval);
  if (health.retries > 0) check.retries = static_cast<std::uint32_t>(health.retries);
  return check;
}

void lay_over(Check& check, const api::Health& health) {
  if (health.interval) check.interval = health.interval->ns;
  if (health.timeout) check.timeout = health.timeout->ns;
  if (health.start_period) check.start_period = health.start_period->ns;
  if (health.start_interval) check.start_interval = health.start_interval->ns;
  if (health.retries) check.retries = std::max(1U, *health.retries);
}

}  // namespace

std::optional<Check> effective_check(const api::WorkloadSpec& spec, const oci::ImageConfig& image) {
  const auto of_image = image.config.healthcheck ? image_check(*image.config.healthcheck) : std::nullopt;
  if (!spec.health) return of_image;
  const auto& health = *spec.health;
  if (health.disable) return std::nullopt;
  Check check;
  if (!health.http.empty()) {
    check.kind = Check::Kind::http;
    check.path = health.http;
    check.port = health.port.value_or(80);
  } else if (health.tcp) {
    check.kind = Check::Kind::tcp;
    check.port = health.port.value_or(0);
  } else if (!health.command.empty()) {
    check.command = health.command.words;
    if (health.shell) check.command = {"/bin/sh", "-c", health.command.words.front()};
  } else if (of_image) {
    check = *of_image;
  } else {
    return std::nullopt;
  }
  lay_over(check, health);
  return check;
}

Time next_probe(const Check& check, const api::WorkloadStatus& status) {
  const Time started = status.started.value_or(Time{});
  const Time last = status.health.log.empty() ? started : status.health.log.back().end;
  const bool starting = status.health.status == "starting" && check.start_period > nanoseconds(0) && last < started + check.start_period;
  return last + (starting ? std::min(check.start_interval, check.interval) : check.interval);
}

void apply_result(const Check& check, Time started, const api::HealthResult& result, api::HealthStatus& health) {
  health.log.push_back(result);
  if (health.log.size() > kKeptResults) health.log.erase(health.log.begin());
  if (result.exit_code == 0) {
    health.failing_streak = 0;
    health.status = "healthy";
    return;
  }
  if (health.status == "starting" && result.start < started + check.start_period) return;
  ++health.failing_streak;
  if (health.failing_streak >= check.retries) health.status = "unhealthy";
}

Result<Outcome> HealthReconciler::reconcile(const std::string& key) {
  const auto uid = key.substr(kWorkloads.size());
  const auto workload = TRY(parts_.objects.workload(uid));
  if (!workload || workload->status.phase != Phase::running) return Outcome{};
  const auto image = TRY(parts_.configs.get(workload->status.image_id));
  const auto check = effective_check(workload->spec, *image);
  if (!check) return Outcome{};
  const auto now = parts_.clock().now();
  const auto due = next_probe(*check, workload->status);
  if (now < due) return Outcome{.requeue_after = due - now};
  const auto& topology = parts_.topologies.of(workload->spec.topology);
  const auto result = probe(*check, *workload, topology.sandbox(), parts_.clock(), stop_);
  if (stop_.stop_requested()) return fail(Code::cancelled, "stopped");
  bool changed = false;
  const auto after = TRY(parts_.objects.edit(uid, [&](Edit& edit) -> Result<bool> {
    auto& w = edit.workload;
    edit.events.clear();
    changed = false;
    if (w.status.run != workload->status.run || w.status.phase != Phase::running) return false;
    const auto before = w.status.health.status;
    apply_result(*check, w.status.started.value_or(Time{}), result, w.status.health);
    if (w.status.health.status == before) return true;
    changed = true;
    edit.events.push_back(parts_.objects.event(w, "health_status", {{"health", w.status.health.status}}));
    return true;
  }));
  if (!after || after->status.phase != Phase::running) return Outcome{};
  if (changed) {
    log::info("health", {{"workload", after->spec.name}, {"status", after->status.health.status}});
    parts_.networks.set_ready(WorkloadId(uid), after->status.health.status == "healthy");
  }
  return Outcome{.requeue_after = std::max(nanoseconds(0), nanoseconds(next_probe(*check, after->status) - parts_.clock().now()))};
}

}  // namespace fulcrum::control
