// The life of a workload as one table. docs/lifecycle.md is printed from it.
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "api/workload/workload.h"
#include "base/error.h"

namespace fulcrum::control {

using api::Phase;

/// What makes a workload change its phase.
enum class Trigger { prepare, prepared, start, started, pause, resume, stop, exited, backoff, give_up, failure, rebuild, remove };

inline constexpr std::array kPhases = {Phase::pending,  Phase::creating, Phase::created,    Phase::starting, Phase::running, Phase::paused,
                                       Phase::stopping, Phase::stopped,  Phase::restarting, Phase::failed,   Phase::removing};
inline constexpr std::array kTriggers = {Trigger::prepare, Trigger::prepared, Trigger::start,  Trigger::started, Trigger::pause,
                                         Trigger::resume,  Trigger::stop,     Trigger::exited, Trigger::backoff, Trigger::give_up,
                                         Trigger::failure, Trigger::rebuild,  Trigger::remove};

struct Edge {
  Phase from;
  Trigger trigger;
  Phase to;
};

inline constexpr std::array kEdges = {
    Edge{Phase::pending, Trigger::prepare, Phase::creating},    // looking for image and volumes
    Edge{Phase::pending, Trigger::failure, Phase::failed},      //
    Edge{Phase::creating, Trigger::prepared, Phase::created},   // everything that it needs is here
    Edge{Phase::creating, Trigger::failure, Phase::failed},     //
    Edge{Phase::created, Trigger::start, Phase::starting},      // a run begins
    Edge{Phase::stopped, Trigger::start, Phase::starting},      //
    Edge{Phase::failed, Trigger::start, Phase::starting},       //
    Edge{Phase::restarting, Trigger::start, Phase::starting},   // the back-off is over, or a user did not wait for it
    Edge{Phase::starting, Trigger::started, Phase::running},    //
    Edge{Phase::starting, Trigger::failure, Phase::failed},     // the program could not be run
    Edge{Phase::starting, Trigger::give_up, Phase::stopped},    // stopped by a user before it ran
    Edge{Phase::running, Trigger::pause, Phase::paused},        //
    Edge{Phase::paused, Trigger::resume, Phase::running},       //
    Edge{Phase::running, Trigger::stop, Phase::stopping},       // the stop signal is sent
    Edge{Phase::running, Trigger::exited, Phase::stopped},      //
    Edge{Phase::paused, Trigger::exited, Phase::stopped},       //
    Edge{Phase::stopping, Trigger::exited, Phase::stopped},     //
    Edge{Phase::stopped, Trigger::backoff, Phase::restarting},  // the restart policy wants another run
    Edge{Phase::failed, Trigger::backoff, Phase::restarting},   //
    Edge{Phase::restarting, Trigger::give_up, Phase::stopped},  // stopped by a user during the back-off
    Edge{Phase::created, Trigger::rebuild, Phase::pending},     // the spec changed: a fresh file system
    Edge{Phase::stopped, Trigger::rebuild, Phase::pending},     //
    Edge{Phase::failed, Trigger::rebuild, Phase::pending},      //
    Edge{Phase::pending, Trigger::remove, Phase::removing},     //
    Edge{Phase::creating, Trigger::remove, Phase::removing},    //
    Edge{Phase::created, Trigger::remove, Phase::removing},     //
    Edge{Phase::starting, Trigger::remove, Phase::removing},    //
    Edge{Phase::stopped, Trigger::remove, Phase::removing},     //
    Edge{Phase::restarting, Trigger::remove, Phase::removing},  //
    Edge{Phase::failed, Trigger::remove, Phase::removing},      //
};

/// Where an edge leads; nothing when there is none.
constexpr std::optional<Phase> next(Phase from, Trigger trigger) {
  for (const auto& edge : kEdges)
    if (edge.from == from && edge.trigger == trigger) return edge.to;
  return std::nullopt;
}

namespace detail {
constexpr std::size_t index(Phase phase) { return static_cast<std::size_t>(phase); }
/// Phases that can be come to from `start`.
constexpr std::array<bool, kPhases.size()> reachable(Phase start) {
  std::array<bool, kPhases.size()> seen{};
  seen[index(start)] = true;
  for (std::size_t round = 0; round < kPhases.size(); ++round)
    for (const auto& edge : kEdges)
      if (seen[index(edge.from)]) seen[index(edge.to)] = true;
  return seen;
}
}  // namespace detail

/// Every phase can be reached from pending, removing can be reached from every phase and is never left, and no phase has two edges for
/// one trigger.
constexpr bool sound() {
  const auto from_pending = detail::reachable(Phase::pending);
  for (const auto phase : kPhases) {
    if (!from_pending[detail::index(phase)]) return false;
    if (!detail::reachable(phase)[detail::index(Phase::removing)]) return false;
  }
  for (std::size_t a = 0; a < kEdges.size(); ++a) {
    if (kEdges[a].from == Phase::removing) return false;
    for (std::size_t b = a + 1; b < kEdges.size(); ++b)
      if (kEdges[a].from == kEdges[b].from && kEdges[a].trigger == kEdges[b].trigger) return false;
  }
  return true;
}
static_assert(sound(), "every phase is reachable, can be removed, and is deterministic");

std::string_view to_string(Trigger trigger);

/// Moves a workload along an edge. Errors: internal when there is none.
[[nodiscard]] Result<> advance(api::Workload& workload, Trigger trigger);

/// Whether a process of the workload exists in this phase.
constexpr bool is_active(Phase phase) {
  switch (phase) {
    case Phase::running:
    case Phase::paused:
    case Phase::stopping: return true;
    case Phase::pending:
    case Phase::creating:
    case Phase::created:
    case Phase::starting:
    case Phase::stopped:
    case Phase::restarting:
    case Phase::failed:
    case Phase::removing: return false;
  }
  return false;
}

/// The text of docs/lifecycle.md.
std::string lifecycle_page();

}  // namespace fulcrum::control
