#include "control/collector.h"

#include "base/log.h"
#include "base/sys.h"
#include "control/workload/mounts.h"

namespace fulcrum::control {

Result<Outcome> Collector::reconcile(const std::string&) {
  TRY(collect());
  return Outcome{.requeue_after = kPeriod};
}

Result<bool> Collector::exists(const std::string& uid) {
  return parts_.transients.contains(uid) || TRY(parts_.objects.workload(uid)).has_value();
}

Result<> Collector::collect() {
  TRY(sandboxes());
  TRY(endpoints());
  TRY(holders());
  TRY(files());
  return volumes();
}

Result<> Collector::sandboxes() {
  for (const auto& id : TRY(sandbox_.list())) {
    if (TRY(exists(id.str()))) continue;
    log::info("remove a sandbox", {{"uid", id.str()}, {"reason", "no workload wants it"}});
    TRY(sandbox_.remove(id, false));
    TRY(parts_.networks.detach_all(id));
  }
  return {};
}

Result<> Collector::endpoints() {
  for (const auto& record : TRY(store::list_all(parts_.objects.store(), kEndpoints)).records) {
    const auto uid = record.key.substr(kEndpoints.size(), record.key.find('/', kEndpoints.size()) - kEndpoints.size());
    if (TRY(exists(uid))) continue;
    TRY(parts_.networks.detach_all(WorkloadId(uid)));
    const auto removed = parts_.objects.store().remove(record.key, record.revision);
    if (!removed && removed.error().code != Code::not_found && removed.error().code != Code::aborted)
      return std::unexpected(removed.error());
  }
  return {};
}

Result<> Collector::holders() {
  for (const auto& holder : TRY(parts_.images.holders()))
    if (!TRY(exists(holder))) TRY(parts_.images.release(holder));
  return {};
}

Result<> Collector::files() {
  const auto directory = parts_.run_dir + "/files";
  if (!sys::exists(directory)) return {};
  for (const auto& uid : TRY(sys::list_directory(directory)))
    if (!TRY(exists(uid))) TRY(remove_files(parts_, uid));
  return {};
}

// Volumes on their way out when the daemon ended, anonymous ones whose workload went with its volumes, and folders without a record.
Result<> Collector::volumes() {
  for (const auto& volume : TRY(parts_.objects.list<api::Volume>(kVolumes)).items) {
    if (!volume.metadata.deleting) continue;
    const auto removed = remove_volume(parts_, volume.spec.name);
    if (!removed && removed.error().code != Code::failed_precondition && removed.error().code != Code::not_found)
      return std::unexpected(removed.error());
  }
  for (const auto& name : TRY(parts_.volumes.list())) {
    if (TRY(parts_.objects.store().get(std::string(kVolumes) + name))) continue;
    log::info("remove a volume's folder", {{"volume", name}, {"reason", "no record of it"}});
    TRY(parts_.volumes.remove(name));
  }
  return {};
}

}  // namespace fulcrum::control
