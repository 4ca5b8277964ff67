// Before the first run and after the last: image, volumes, and taking everything away again.
#include <algorithm>

#include "api/workload/codec.h"
#include "base/log.h"
#include "control/workload/attachments.h"
#include "control/workload/mounts.h"
#include "control/workload/reconciler.h"
#include "image/reference.h"

namespace fulcrum::control {

// Nothing: a pull is under way.
Result<std::optional<image::ResolvedImage>> WorkloadReconciler::find_image(const Workload& workload) {
  const auto& spec = workload.spec;
  const auto key = workload_key(workload.metadata.uid);
  if (spec.pull != "always") {
    auto found = parts_.images.resolve(spec.image);
    if (found) return std::move(*found);
    if (found.error().code != Code::not_found || spec.pull == "never") return std::unexpected(found.error());
  }
  const auto pulled = parts_.pulls.poll(key, spec.image, spec.platform, [this, key] { parts_.queue.add(key); });
  if (!pulled) return std::nullopt;
  TRY(std::move(*pulled), "pull {}", spec.image);
  return TRY(parts_.images.resolve(spec.image));
}

Result<std::optional<Outcome>> WorkloadReconciler::prepare(const Workload& workload) {
  if (workload.status.phase == Phase::pending) {
    TRY(edit(workload, [](Edit& edit) { return advance(edit.workload, Trigger::prepare); }));
    return std::optional<Outcome>();
  }
  const auto image = TRY(find_image(workload));
  if (!image) return Outcome{};  // the end of the pull brings us back
  TRY(parts_.images.hold(image->id, workload.metadata.uid));
  const auto config = TRY(parts_.configs.get(image->id.str()), "image {}", workload.spec.image);
  TRY(stop_signal(workload, *config), "stopSignal");
  const auto mounts = TRY(resolve_volumes(parts_, workload, *config));
  TRY(edit(workload, [&](Edit& edit) -> Result<> {
    TRY(advance(edit.workload, Trigger::prepared));
    edit.workload.status.image_id = image->id.str();
    edit.workload.status.mounts = mounts;
    edit.workload.status.isolation = parts_.topologies.of(edit.workload.spec.topology).isolation();
    edit.workload.status.observed_generation = edit.workload.metadata.generation;
    return {};
  }));
  return std::optional<Outcome>();
}

Result<> WorkloadReconciler::rebuild(const Workload& workload) {
  const WorkloadId id(workload.metadata.uid);
  log::info("rebuild", {{"workload", workload.spec.name}, {"reason", "its declaration changed"}});
  TRY(sandbox(workload).remove(id, false));
  TRY(detach(parts_, workload.metadata.uid, ""));
  TRY(parts_.images.release(workload.metadata.uid));
  return edit(workload, [&](Edit& edit) -> Result<> {
    auto& w = edit.workload;
    TRY(advance(w, Trigger::rebuild));
    forget_endpoints(parts_, edit, "");
    w.status.rebuilds = w.intent.rebuilds;
    w.status.stops = w.intent.stops;
    w.status.image_id.clear();
    w.status.restarts = 0;
    w.status.reason.clear();
    w.status.message.clear();
    // Anonymous volumes stay with the workload: their targets find them again.
    std::erase_if(w.status.mounts, [](const auto& mount) { return !mount.anonymous; });
    return {};
  });
}

Result<> WorkloadReconciler::expire(const Workload& workload) {
  return edit(workload, [&](Edit& edit) -> Result<> {
    edit.workload.metadata.deleting = parts_.clock().now();
    edit.workload.intent.remove_volumes = true;
    return {};
  });
}

Result<> WorkloadReconciler::remove(const Workload& workload) {
  if (workload.status.phase != Phase::removing) {
    TRY(edit(workload, [](Edit& edit) { return advance(edit.workload, Trigger::remove); }));
  }
  const auto& uid = workload.metadata.uid;
  TRY(sandbox(workload).remove(WorkloadId(uid), false));
  TRY(detach(parts_, uid, ""));
  TRY(parts_.images.release(uid));
  TRY(remove_files(parts_, uid));
  parts_.pulls.forget(workload_key(uid));
  parts_.waiting.take(workload_key(uid));
  parts_.execs.forget(uid);
  std::vector<std::string> volumes;
  if (workload.intent.remove_volumes) {
    const auto all = TRY(parts_.objects.list<api::Volume>(kVolumes));
    for (const auto& volume : all.items) {
      const auto owner = volume.spec.labels.find(std::string(kAnonymousLabel));
      if (volume.anonymous && owner != volume.spec.labels.end() && owner->second == uid) volumes.push_back(volume.spec.name);
    }
  }
  TRY(parts_.objects.edit(uid, [&](Edit& edit) -> Result<bool> {
    forget_endpoints(parts_, edit, "");
    edit.remove = true;
    for (const auto& name : volumes) {  // marked in the same transaction: after a crash the collector goes on
      auto volume = TRY(parts_.objects.get<api::Volume>(std::string(kVolumes) + name));
      if (!volume || volume->object.metadata.deleting) continue;
      volume->object.metadata.deleting = parts_.clock().now();
      edit.compares.push_back({std::string(kVolumes) + name, volume->revision});
      edit.operations.push_back(store::Put{std::string(kVolumes) + name, api::to_json(volume->object)});
    }
    edit.events.push_back(parts_.objects.event(edit.workload, "destroy"));
    return true;
  }));
  log::info("removed", {{"workload", workload.spec.name}, {"uid", uid}});
  for (const auto& volume : volumes) {
    const auto removed = remove_volume(parts_, volume);
    if (!removed && removed.error().code != Code::not_found)
      log::warning("anonymous volume stays", {{"volume", volume}, {"error", removed.error().message}});
  }
  return {};
}

}  // namespace fulcrum::control
