// GET /system/df: what images, containers and volumes take on disk.
#include <algorithm>
#include <set>

#include "api/docker/build_schema.h"
#include "api/docker/container_summary_schema.h"
#include "api/docker/image_schema.h"
#include "api/docker/volume_schema.h"
#include "base/tree.h"
#include "control/workload/mounts.h"
#include "image/build/prune.h"
#include "server/docker/container_list.h"
#include "server/docker/engine_operations.h"
#include "server/docker/image_support.h"
#include "server/docker/volume_view.h"

namespace fulcrum::server::docker {

namespace json = boost::json;

namespace {

using Kinds = std::set<std::string, std::less<>>;

/// Which parts are asked for: all, unless `type` names some.
Result<Kinds> kinds(const Request& request) {
  const Kinds all{"build-cache", "container", "image", "volume"};
  const auto named = request.query().all("type");
  if (named.empty() || version_of(request) < ApiVersion{1, 42}) return all;
  for (const auto& kind : named)
    if (!all.contains(kind)) return fail(Code::invalid_argument, "unknown object type: {}", kind);
  return Kinds(named.begin(), named.end());
}

/// Volumes with their size and how many containers name them.
Result<std::vector<api::docker::Volume>> volumes(Api& api) {
  const auto users = TRY(control::volume_users(api.native.engine.parts()));
  std::vector<api::docker::Volume> list;
  for (const auto& volume : TRY(api.native.engine.objects().list<api::Volume>(control::kVolumes)).items) {
    const auto usage = sys::tree_usage(volume.mountpoint);
    const auto named = users.find(volume.spec.name);
    list.push_back(volume_view(volume));
    list.back().usage_data = {.size = usage ? static_cast<std::int64_t>(usage->bytes) : -1,
                              .ref_count = named == users.end() ? 0 : static_cast<std::int64_t>(named->second.size())};
  }
  return list;
}

/// What steps of builds left. A layer that several of them gave counts once.
Result<std::vector<api::docker::BuildCacheEntry>> build_cache(Api& api) {
  std::vector<api::docker::BuildCacheEntry> list;
  for (const auto& entry : TRY(image::build::list_cache(api.native.images))) {
    const auto& step = entry.step;
    list.push_back({.id = step.key,
                    .parents = std::nullopt,
                    .description = step.comment,
                    .shared = entry.in_use,
                    .size = static_cast<std::int64_t>(entry.bytes),
                    .created_at = format_time(step.added),
                    .last_used_at = format_time(step.used),
                    .usage_count = static_cast<std::int64_t>(step.uses)});
    if (!step.parent.empty()) list.back().parents = std::vector{step.parent};
  }
  return list;
}

Result<> disk_usage(Api& api, Request& request, ResponseWriter& response) {
  const auto wanted = TRY(kinds(request));
  json::object answer;
  if (wanted.contains("image")) {
    const auto none = TRY(Filters::parse(TRY(http::Query::parse("")), {}));
    answer["LayersSize"] = TRY(layers_size(api));
    answer["Images"] = schema::encode(TRY(image_summaries(api, {.shared_size = true, .containers = true}, none)));
  }
  if (wanted.contains("container")) answer["Containers"] = schema::encode(TRY(container_summaries(api, version_of(request))));
  if (wanted.contains("volume")) answer["Volumes"] = schema::encode(TRY(volumes(api)));
  if (wanted.contains("build-cache")) answer["BuildCache"] = schema::encode(TRY(build_cache(api)));
  return response.send_json(200, json::serialize(answer));
}

constexpr Operation kOperations[] = {
    {.method = "GET", .path = "/system/df", .handle = disk_usage},
};

}  // namespace

std::span<const Operation> disk_usage_operations() { return kOperations; }

}  // namespace fulcrum::server::docker
