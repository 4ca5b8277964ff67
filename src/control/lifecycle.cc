#include "control/lifecycle.h"

#include "api/workload/codec.h"

namespace fulcrum::control {

std::string_view to_string(Trigger trigger) {
  switch (trigger) {
    case Trigger::prepare: return "prepare";
    case Trigger::prepared: return "prepared";
    case Trigger::start: return "start";
    case Trigger::started: return "started";
    case Trigger::pause: return "pause";
    case Trigger::resume: return "resume";
    case Trigger::stop: return "stop";
    case Trigger::exited: return "exited";
    case Trigger::backoff: return "backoff";
    case Trigger::give_up: return "give-up";
    case Trigger::failure: return "failure";
    case Trigger::rebuild: return "rebuild";
    case Trigger::remove: return "remove";
  }
  return "unknown";
}

Result<> advance(api::Workload& workload, Trigger trigger) {
  const auto to = next(workload.status.phase, trigger);
  if (!to)
    return fail(Code::internal, "workload {}: no edge {} from {}", workload.spec.name, to_string(trigger),
                api::to_string(workload.status.phase));
  workload.status.phase = *to;
  return {};
}

namespace {

std::string_view meaning(Phase phase) {
  switch (phase) {
    case Phase::pending: return "declared; nothing was done yet";
    case Phase::creating: return "its image is fetched and its volumes are made";
    case Phase::created: return "has everything that it needs; never ran";
    case Phase::starting: return "a run begins: addresses, namespaces, program";
    case Phase::running: return "its program runs";
    case Phase::paused: return "its processes are frozen";
    case Phase::stopping: return "the stop signal was sent; killed when the stop timeout ends";
    case Phase::stopped: return "its last run ended";
    case Phase::restarting: return "its last run ended; the restart policy waits before the next";
    case Phase::failed: return "could not be prepared or run; `status.message` says why";
    case Phase::removing: return "on its way out";
  }
  return "";
}

}  // namespace

std::string lifecycle_page() {
  std::string page = "# The life of a workload\n\nPrinted from `src/control/lifecycle.h`; do not edit.\n\n| phase | meaning |\n|---|---|\n";
  for (const auto phase : kPhases) page += fmt::format("| `{}` | {} |\n", api::to_string(phase), meaning(phase));
  page += "\n```mermaid\nstateDiagram-v2\n  [*] --> pending\n";
  for (const auto& edge : kEdges)
    page += fmt::format("  {} --> {}: {}\n", api::to_string(edge.from), api::to_string(edge.to), to_string(edge.trigger));
  page += "  removing --> [*]\n```\n\n| from |";
  for (const auto trigger : kTriggers) page += fmt::format(" {} |", to_string(trigger));
  page += "\n|---|";
  for (std::size_t i = 0; i < kTriggers.size(); ++i) page += "---|";
  page += "\n";
  for (const auto phase : kPhases) {
    page += fmt::format("| `{}` |", api::to_string(phase));
    for (const auto trigger : kTriggers) {
      const auto to = next(phase, trigger);
      page += to ? fmt::format(" {} |", api::to_string(*to)) : std::string(" |");
    }
    page += "\n";
  }
  return page;
}

}  // namespace fulcrum::control
