// The records of volumes: made on first need, never removed under a workload.
#include <algorithm>

#include "api/workload/codec.h"
#include "control/workload/mounts.h"

namespace fulcrum::control {

namespace {

std::string volume_key(const std::string& name) { return std::string(kVolumes) + name; }

}  // namespace

Result<api::Volume> ensure_volume(const Parts& parts, const api::VolumeSpec& spec, bool anonymous, bool exclusive) {
  const auto source = TRY(parts.volumes.source(spec.name, spec.options));
  api::Volume volume{.metadata = {.uid = new_uid(), .created = parts.clock().now(), .generation = 1},
                     .spec = spec,
                     .mountpoint = source.kind == volume::Source::Kind::bind ? source.path : parts.volumes.data_path(spec.name),
                     .anonymous = anonymous};
  store::Transaction transaction{.compares = {{volume_key(spec.name), store::kAbsent}},
                                 .operations = {store::Put{volume_key(spec.name), api::to_json(volume)}}};
  parts.objects.append(transaction, {parts.objects.event("volume", "create", spec.name, spec.name, {{"driver", "local"}})});
  const auto made = parts.objects.store().commit(transaction);
  if (made) {
    TRY(parts.volumes.create(spec.name));
    volume.metadata.revision = *made;
    return volume;
  }
  if (made.error().code != Code::aborted) return std::unexpected(made.error());
  auto stored = TRY(parts.objects.get<api::Volume>(volume_key(spec.name)));
  if (!stored || stored->object.metadata.deleting) return fail(Code::aborted, "volume {} is being removed", spec.name);
  if (exclusive) return fail(Code::already_exists, "volume {} exists", spec.name);
  TRY(parts.volumes.create(spec.name));
  return std::move(stored->object);
}

Result<std::vector<std::string>> volume_users(const Parts& parts, const std::string& name) {
  std::vector<std::string> users;
  for (const auto& workload : TRY(parts.objects.workloads()).items) {
    const bool declared = std::any_of(workload.spec.volumes.begin(), workload.spec.volumes.end(),
                                      [&](const auto& m) { return m.type == "volume" && m.source == name; });
    const bool decided =
        std::any_of(workload.status.mounts.begin(), workload.status.mounts.end(), [&](const auto& m) { return m.name == name; });
    if (declared || decided) users.push_back(workload.spec.name);
  }
  return users;
}

// First it is marked, so that nobody new takes it; then users are looked for; then data and record go. A crash in between is seen by the
// garbage collector, which calls this again.
Result<> remove_volume(const Parts& parts, const std::string& name) {
  const auto key = volume_key(name);
  auto stored = TRY(parts.objects.get<api::Volume>(key));
  if (!stored) return fail(Code::not_found, "no such volume: {}", name);
  auto revision = stored->revision;
  if (!stored->object.metadata.deleting) {
    stored->object.metadata.deleting = parts.clock().now();
    revision = TRY(parts.objects.store().update(key, api::to_json(stored->object), revision));
  }
  const auto users = TRY(volume_users(parts, name));
  if (!users.empty()) {
    stored->object.metadata.deleting.reset();
    TRY(parts.objects.store().update(key, api::to_json(stored->object), revision));
    return fail(Code::failed_precondition, "volume {} is in use by workload {}", name, users.front());
  }
  TRY(parts.volumes.remove(name));
  store::Transaction transaction{.compares = {{key, revision}}, .operations = {store::Remove{key}}};
  parts.objects.append(transaction, {parts.objects.event("volume", "destroy", name, name, {{"driver", "local"}})});
  TRY(parts.objects.store().commit(transaction));
  return {};
}

}  // namespace fulcrum::control
