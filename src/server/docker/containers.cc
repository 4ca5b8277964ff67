// Containers: inspect and update.
#include <unistd.h>

#include <algorithm>

#include "api/docker/container_schema.h"
#include "api/workload/codec.h"
#include "base/tree.h"
#include "server/docker/container_inspect.h"
#include "server/docker/container_spec.h"
#include "server/docker/support.h"

namespace fulcrum::server::docker {

namespace {

/// What inspect tells besides the record.
Result<ContainerFacts> container_facts(Api& api, const api::Workload& workload, bool sizes) {
  ContainerFacts facts;
  const WorkloadId id(workload.metadata.uid);
  auto& sandbox = api.native.engine.sandbox(workload);
  facts.execs = api.native.engine.parts().execs.open(workload.metadata.uid);
  if (workload.spec.log.driver != "none") facts.log = sandbox.log_directory(id) + "/log";
  const auto upper = TRY(sandbox.upper(id));
  facts.root["UpperDir"] = upper;
  if (workload.status.image_id.empty()) return facts;
  const auto image = api.native.images.resolve(workload.status.image_id);
  if (image) {
    std::string lower;
    for (const auto& folder : image->layer_dirs) lower += (lower.empty() ? "" : ":") + folder;
    facts.root["LowerDir"] = lower;
  }
  if (!sizes) return facts;
  const auto written = sys::tree_usage(upper);
  if (!written && written.error().code != Code::not_found) return std::unexpected(written.error());
  facts.size_rw = written ? static_cast<std::int64_t>(written->bytes) : 0;
  const auto record = api.native.images.inspect(workload.status.image_id);
  facts.size_root_fs = *facts.size_rw + (record ? static_cast<std::int64_t>(record->size) : 0);
  return facts;
}

Result<> inspect(Api& api, Request& request, ResponseWriter& response) {
  const bool sizes = TRY(request.query().boolean("size", false));
  const auto workload = TRY(find_container(api, request.param("id")));
  const auto image = TRY(api.native.engine.parts().configs.get(workload.status.image_id));
  return response.send_json(200, view_container(workload, *image, TRY(network_ids(api)), TRY(container_facts(api, workload, sizes))));
}

/// What update cannot change; Docker drops these silently.
Result<> check_fixed(const api::docker::Resources& given) {
  const char* field = nullptr;
  if (!given.cgroup_parent.empty()) field = "CgroupParent";
  if (!given.devices.empty()) field = "Devices";
  if (!given.device_cgroup_rules.empty()) field = "DeviceCgroupRules";
  if (!given.device_requests.empty()) field = "DeviceRequests";
  if (!given.ulimits.empty()) field = "Ulimits";
  if (field != nullptr) return fail(Code::unimplemented, "{}: cannot be changed once a container is made", field);
  return {};
}

Result<> update(Api& api, Request& request, ResponseWriter& response) {
  const auto given = TRY(schema::decode_text<api::docker::UpdateConfig>(TRY(request.read_body()), schema::UnknownFields::reject_set,
                                                                        schema::MemberNames::any_case));
  const auto found = TRY(find_container(api, request.param("id")));
  if (found.metadata.deleting)
    return fail(Code::failed_precondition, "Cannot update container {}: container is marked for removal and cannot be \"update\"",
                found.metadata.uid);
  TRY(check_fixed(given.resources));
  TRY(check_limits(given.resources, static_cast<unsigned>(std::max(1L, ::sysconf(_SC_NPROCESSORS_ONLN))), true));
  const auto change = [&](api::WorkloadSpec& spec) -> Result<> {
    TRY(lay_over(given.resources, spec.resources), "Cannot update container {}", found.metadata.uid);
    if (given.restart_policy.name.empty()) return {};
    spec.restart = TRY(restart_policy(given.restart_policy));
    if (spec.auto_remove && spec.restart.name != "no")
      return fail(Code::invalid_argument, "Restart policy cannot be updated because AutoRemove is enabled for the container");
    return {};
  };
  TRY(api.native.engine.update(found.metadata.uid, change, call_of(request, response)));
  return response.send_json(200, schema::encode_text(api::docker::UpdateAnswer{}));
}

constexpr Operation kOperations[] = {
    {.method = "GET", .path = "/containers/{id}/json", .handle = inspect},
    {.method = "POST", .path = "/containers/{id}/update", .handle = update},
};

}  // namespace

std::span<const Operation> container_operations() { return kOperations; }

}  // namespace fulcrum::server::docker
