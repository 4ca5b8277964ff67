#include "server/docker/container_state.h"

#include <fmt/format.h>

namespace fulcrum::server::docker {

using api::Phase;

std::string_view docker_status(const api::WorkloadStatus& status) {
  switch (status.phase) {
    case Phase::pending:
    case Phase::creating:
    case Phase::created: return "created";
    case Phase::running:
    case Phase::stopping: return "running";
    case Phase::paused: return "paused";
    case Phase::restarting: return "restarting";
    case Phase::removing: return "removing";
    case Phase::starting:
      if (status.restarts > 0) return "restarting";
      return status.started ? "exited" : "created";
    case Phase::stopped:
    case Phase::failed: return status.started ? "exited" : "created";
  }
  return "";
}

bool docker_running(const api::WorkloadStatus& status) {
  const auto word = docker_status(status);
  return word == "running" || word == "paused" || word == "restarting";
}

std::string docker_status_text(const api::WorkloadStatus& status, Time now) {
  const auto word = docker_status(status);
  const auto since = [&](const std::optional<Time>& time) { return human_duration(time ? now - *time : std::chrono::nanoseconds(0)); };
  const auto code = status.exit_code.value_or(0);
  if (word == "created") return "Created";
  if (word == "removing") return "Removal In Progress";
  if (word == "restarting") return fmt::format("Restarting ({}) {} ago", code, since(status.finished));
  if (word == "exited") return fmt::format("Exited ({}) {} ago", code, since(status.finished));
  const auto up = "Up " + since(status.started);
  if (word == "paused") return up + " (Paused)";
  const auto& health = status.health.status;
  if (health == "none" || health.empty()) return up;
  return fmt::format("{} ({}{})", up, health == "starting" ? "health: " : "", health);
}

std::string human_duration(std::chrono::nanoseconds span) {
  using namespace std::chrono;
  const auto seconds = duration_cast<std::chrono::seconds>(span).count();
  const auto minutes = duration_cast<std::chrono::minutes>(span).count();
  const auto hours = duration_cast<std::chrono::hours>(span + 30min).count();  // rounded
  if (seconds < 1) return "Less than a second";
  if (seconds == 1) return "1 second";
  if (seconds < 60) return fmt::format("{} seconds", seconds);
  if (minutes == 1) return "About a minute";
  if (minutes < 60) return fmt::format("{} minutes", minutes);
  if (hours == 1) return "About an hour";
  if (hours < 48) return fmt::format("{} hours", hours);
  if (hours < 24 * 7 * 2) return fmt::format("{} days", hours / 24);
  if (hours < 24 * 30 * 2) return fmt::format("{} weeks", hours / 24 / 7);
  if (hours < 24 * 365 * 2) return fmt::format("{} months", hours / 24 / 30);
  return fmt::format("{} years", duration_cast<std::chrono::hours>(span).count() / 24 / 365);
}

}  // namespace fulcrum::server::docker
