// Volumes of the local driver.
#include <algorithm>

#include "api/docker/volume_schema.h"
#include "control/workload/mounts.h"
#include "server/docker/body.h"
#include "server/docker/support.h"
#include "server/docker/volume_view.h"

namespace fulcrum::server::docker {

namespace {

namespace wire = api::docker;

/// Before it, a prune took named volumes as well.
constexpr ApiVersion kPruneAnonymousSince{1, 42};

Result<std::optional<api::Volume>> stored_volume(Api& api, const std::string& name) {
  auto stored = TRY(api.native.engine.objects().get<api::Volume>(std::string(control::kVolumes) + name));
  if (!stored || stored->object.metadata.deleting) return std::nullopt;
  return std::move(stored->object);
}

Result<> list(Api& api, Request& request, ResponseWriter& response) {
  const auto filters = TRY(Filters::parse(request.query(), {"dangling", "driver", "label", "name"}));
  const auto dangling = TRY(filters.boolean("dangling"));
  const auto users = dangling ? TRY(control::volume_users(api.native.engine.parts())) : control::VolumeUsers{};
  wire::VolumeList out;
  for (const auto& volume : TRY(api.native.engine.objects().list<api::Volume>(control::kVolumes)).items) {
    const auto& name = volume.spec.name;
    if (volume.metadata.deleting || !filters.accepts("driver", volume.spec.driver) || !filters.matches("name", name)) continue;
    if (!filters.labels(volume_labels(volume)) || (dangling && *dangling == users.contains(name))) continue;
    out.volumes.push_back(volume_view(volume));
  }
  return send_struct(response, 200, out);
}

Result<> inspect(Api& api, Request& request, ResponseWriter& response) {
  const auto& name = request.param("name");
  const auto volume = TRY(stored_volume(api, name));
  if (!volume) return fail(Code::not_found, "get {}: no such volume", name);
  return send_struct(response, 200, volume_view(*volume));
}

Result<> create(Api& api, Request& request, ResponseWriter& response) {
  const auto wish = TRY(body_of<wire::VolumeCreate>(request));
  if (const auto there = TRY(stored_volume(api, wish.name)); there && !wish.driver.empty() && wish.driver != there->spec.driver)
    return fail(Code::already_exists, "create {}: driver '{}' already has volume '{}': volume name must be unique", wish.name,
                there->spec.driver, wish.name);
  auto spec = TRY(volume_spec(wish), "create {}", wish.name);
  const bool anonymous = spec.name.empty();
  if (anonymous) spec.name = control::new_uid();
  const auto volume = TRY(control::ensure_volume(api.native.engine.parts(), spec, anonymous, false), "create {}", spec.name);
  return send_struct(response, 201, volume_view(volume));
}

Result<> remove(Api& api, Request& request, ResponseWriter& response) {
  const auto& name = request.param("name");
  const bool force = TRY(request.query().boolean("force", false));
  const auto removed = control::remove_volume(api.native.engine.parts(), name);
  if (!removed && removed.error().code == Code::not_found) {
    if (force) return response.send_empty(204);
    return fail(Code::not_found, "get {}: no such volume", name);
  }
  if (!removed && removed.error().code == Code::failed_precondition) {
    std::string ids;
    const auto users = TRY(control::volume_users(api.native.engine.parts()));
    if (const auto found = users.find(name); found != users.end())
      for (const auto& user : found->second) ids += (ids.empty() ? "" : ", ") + user.uid;
    return fail(Code::failed_precondition, "remove {}: volume is in use - [{}]", name, ids);
  }
  TRY(removed);
  return response.send_empty(204);
}

Result<> prune(Api& api, Request& request, ResponseWriter& response) {
  const auto filters = TRY(Filters::parse(request.query(), {"all", "label", "label!"}));
  const bool all = TRY(filters.boolean("all")).value_or(version_of(request) < kPruneAnonymousSince);
  // As Docker: where options say that the data lies elsewhere there is nothing to reclaim.
  const auto chosen = [&](const api::Volume& volume) {
    return (all || volume.anonymous) && volume.spec.options.empty() && filters.labels(volume_labels(volume));
  };
  const auto pruned = TRY(control::prune_volumes(api.native.engine.parts(), chosen));
  auto& objects = api.native.engine.objects();
  TRY(objects.record({objects.event("volume", "prune", "", "", {{"reclaimed", fmt::format("{}", pruned.bytes)}})}));
  return send_struct(response, 200, wire::VolumesPruned{.volumes_deleted = pruned.names, .space_reclaimed = pruned.bytes});
}

constexpr Operation kOperations[] = {
    {.method = "GET", .path = "/volumes", .handle = list},
    {.method = "GET", .path = "/volumes/{name}", .handle = inspect},
    {.method = "POST",
     .path = "/volumes/create",
     .handle = create,
     .standing = Standing::degrades,
     .note = "the local driver only: folders, type=tmpfs, and o=bind; file systems that would be mounted on the host, sizes of folders and "
             "ClusterVolumeSpec are refused by name"},
    {.method = "PUT",
     .path = "/volumes/{name}",
     .standing = Standing::refused,
     .note = "volume update only valid for cluster volumes, but swarm is unavailable",
     .refusal_status = 503},
    {.method = "DELETE", .path = "/volumes/{name}", .handle = remove},
    {.method = "POST", .path = "/volumes/prune", .handle = prune},
};

}  // namespace

std::span<const Operation> volume_operations() { return kOperations; }

}  // namespace fulcrum::server::docker
