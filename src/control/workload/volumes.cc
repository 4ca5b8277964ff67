// The records of volumes: made on first need, never removed under a workload.
#include <set>

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

Result<VolumeUsers> volume_users(const Parts& parts) {
  VolumeUsers users;
  for (const auto& workload : TRY(parts.objects.workloads()).items) {
    std::set<std::string> names;
    for (const auto& declared : workload.spec.volumes)
      if (declared.type == "volume" && !declared.source.empty()) names.insert(declared.source);
    for (const auto& decided : workload.status.mounts)
      if (!decided.name.empty()) names.insert(decided.name);
    for (const auto& name : names) users[name].push_back({.uid = workload.metadata.uid, .name = workload.spec.name});
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
  const auto users = TRY(volume_users(parts));
  if (const auto found = users.find(name); found != users.end()) {
    stored->object.metadata.deleting.reset();
    TRY(parts.objects.store().update(key, api::to_json(stored->object), revision));
    return fail(Code::failed_precondition, "volume {} is in use by workload {}", name, found->second.front().name);
  }
  TRY(parts.volumes.remove(name));
  store::Transaction transaction{.compares = {{key, revision}}, .operations = {store::Remove{key}}};
  parts.objects.append(transaction, {parts.objects.event("volume", "destroy", name, name, {{"driver", "local"}})});
  TRY(parts.objects.store().commit(transaction));
  return {};
}

Result<PrunedVolumes> prune_volumes(const Parts& parts, const std::function<bool(const api::Volume&)>& chosen) {
  PrunedVolumes pruned;
  for (const auto& volume : TRY(parts.objects.list<api::Volume>(kVolumes)).items) {
    if (volume.metadata.deleting || !chosen(volume)) continue;
    const auto size = parts.volumes.disk_usage(volume.spec.name).value_or(0);
    const auto removed = remove_volume(parts, volume.spec.name);
    if (!removed && (removed.error().code == Code::failed_precondition || removed.error().code == Code::not_found))
      continue;  // in use; gone
    TRY(removed);
    pruned.names.push_back(volume.spec.name);
    pruned.bytes += size;
  }
  return pruned;
}

}  // namespace fulcrum::control
