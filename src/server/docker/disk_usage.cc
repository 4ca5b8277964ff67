// GET /system/df: what images, containers and volumes take on disk.
#include <algorithm>
#include <set>

#include "api/docker/container_summary_schema.h"
#include "api/docker/image_schema.h"
#include "api/docker/volume_schema.h"
#include "base/tree.h"
#include "control/workload/mounts.h"
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
  if (wanted.contains("build-cache")) answer["BuildCache"] = json::array();
  return response.send_json(200, json::serialize(answer));
}

constexpr Operation kOperations[] = {
    {.method = "GET",
     .path = "/system/df",
     .handle = disk_usage,
     .standing = Standing::degrades,
     .note = "BuildCache is always empty: the classic builder's cache is made of images, which are counted as such"},
};

}  // namespace

std::span<const Operation> disk_usage_operations() { return kOperations; }

}  // namespace fulcrum::server::docker
