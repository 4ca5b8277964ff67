// Lists of containers, and the removal of all that do not run.
#include "server/docker/container_list.h"

#include <algorithm>

#include "api/docker/container_summary_schema.h"
#include "api/docker/wait.h"
#include "api/workload/arguments.h"
#include "base/log.h"
#include "base/tree.h"
#include "server/docker/container_filter.h"
#include "server/docker/container_state.h"

namespace fulcrum::server::docker {

Result<NetworkIds> network_ids(Api& api) {
  NetworkIds ids;
  for (auto& network : TRY(api.native.engine.objects().list<api::Network>(control::kNetworks)).items)
    ids.emplace(std::move(network.spec.name), std::move(network.metadata.uid));
  return ids;
}

namespace {

constexpr ApiVersion kAnnotationsSince{1, 46};

/// What one list asks of images, each name once: thousands of containers have a handful of images.
class ImageView {
 public:
  explicit ImageView(Api& api) : api_(api) {}

  /// Of an image that is gone nothing is known.
  const oci::ImageConfig& config(const std::string& id) {
    auto& found = configs_[id];
    if (found == nullptr) {
      const auto config = api_.native.engine.parts().configs.get(id);
      found = config ? *config : std::make_shared<const oci::ImageConfig>();
    }
    return *found;
  }
  /// The reference as long as it means the image that the container was made from; else that image's ID.
  const std::string& shown_name(const std::string& reference, const std::string& id) {
    auto [it, fresh] = ids_.try_emplace(reference);
    if (fresh)
      if (const auto image = api_.native.images.inspect(reference)) it->second = image->id.str();
    return it->second == id ? reference : id;
  }
  std::int64_t size(const std::string& id) {
    auto [it, fresh] = sizes_.try_emplace(id, 0);
    if (fresh)
      if (const auto image = api_.native.images.inspect(id)) it->second = static_cast<std::int64_t>(image->size);
    return it->second;
  }
  std::optional<std::pair<std::string, oci::ImageConfig>> find(const std::string& reference) {
    const auto image = api_.native.images.inspect(reference);
    if (!image) return std::nullopt;
    return std::pair(image->id.str(), config(image->id.str()));
  }

 private:
  Api& api_;
  std::map<std::string, std::shared_ptr<const oci::ImageConfig>> configs_;  ///< shared with the engine's cache
  std::map<std::string, std::string> ids_;
  std::map<std::string, std::int64_t> sizes_;
};

/// Bytes that a container wrote over its image; 0 when it has no files any more.
std::uint64_t written_bytes(Api& api, const api::Workload& container) {
  const auto upper = api.native.engine.sandbox(container).upper(WorkloadId(container.metadata.uid));
  if (!upper) return 0;
  const auto usage = sys::tree_usage(*upper);
  return usage ? usage->bytes : 0;
}

api::docker::ContainerSummary summary(const api::Workload& container, ImageView& images, const NetworkIds& networks, Time now) {
  const auto& [metadata, spec, intent, status] = container;
  const auto& image = images.config(status.image_id);
  api::docker::ContainerSummary answer{.id = metadata.uid,
                                       .names = {"/" + spec.name},
                                       .image = images.shown_name(spec.image, status.image_id),
                                       .image_id = status.image_id,
                                       .command = command_text(api::arguments(spec, image.config)),
                                       .created = std::chrono::floor<std::chrono::seconds>(metadata.created).time_since_epoch().count(),
                                       .ports = {},
                                       .size_rw = std::nullopt,
                                       .size_root_fs = std::nullopt,
                                       .labels = container_labels(spec, image.config),
                                       .state = std::string(docker_status(status)),
                                       .status = docker_status_text(status, now),
                                       .host_config = {.network_mode = network_mode(spec), .annotations = spec.annotations},
                                       .network_settings = {.networks = container_endpoints(container, networks)},
                                       .mounts = mount_points(status)};
  if (docker_running(status)) answer.ports = container_ports(container, image.config);
  return answer;
}

void add_sizes(Api& api, const api::Workload& container, ImageView& images, api::docker::ContainerSummary& answer) {
  answer.size_rw = static_cast<std::int64_t>(written_bytes(api, container));
  answer.size_root_fs = *answer.size_rw + images.size(container.status.image_id);
}

Result<> list(Api& api, Request& request, ResponseWriter& response) {
  const auto networks = TRY(network_ids(api));
  ImageView images(api);
  auto filter = TRY(
      ContainerFilter::parse(request.query(), {.container = [&](const std::string& reference) { return find_container(api, reference); },
                                               .image = [&](const std::string& reference) { return images.find(reference); },
                                               .networks = networks}));
  const bool annotated = version_of(request) >= kAnnotationsSince;
  auto listed = TRY(api.native.engine.objects().workloads());
  std::sort(listed.items.begin(), listed.items.end(), [](const auto& a, const auto& b) { return a.metadata.created > b.metadata.created; });
  const auto now = api.native.engine.objects().clock().now();
  std::string json = "[";
  std::size_t shown = 0;
  for (const auto& container : listed.items) {
    const auto verdict = filter({.container = container, .image = images.config(container.status.image_id)}, shown);
    if (verdict == ContainerFilter::Verdict::stop) break;
    if (verdict == ContainerFilter::Verdict::skip) continue;
    auto answer = summary(container, images, networks, now);
    if (!annotated) answer.host_config.annotations.clear();
    if (filter.with_sizes()) add_sizes(api, container, images, answer);
    json += (shown++ == 0 ? "" : ",") + schema::encode_text(answer);
  }
  return response.send_json(200, json + "]\n");
}

/// The moment before which a container must have been made; nothing: any.
Result<std::optional<Time>> until(const Filters& filters, Time now) {
  const auto& values = filters.get("until");
  if (values.empty()) return std::nullopt;
  if (values.size() > 1) return fail(Code::invalid_argument, "more than one until filter specified");
  http::Query query;
  query.add("until", values.front());
  return native::time_parameter(query, "until", now);
}

Result<> prune(Api& api, Request& request, ResponseWriter& response) {
  auto& engine = api.native.engine;
  const auto filters = TRY(Filters::parse(request.query(), {"label", "label!", "until"}));
  const auto before = TRY(until(filters, engine.objects().clock().now()));
  ImageView images(api);
  api::docker::ContainersPruneReport report;
  for (const auto& container : TRY(engine.objects().workloads()).items) {
    const auto phase = container.status.phase;
    const bool idle = phase == api::Phase::created || phase == api::Phase::stopped || phase == api::Phase::failed;
    if (!idle || container.metadata.deleting || (before && container.metadata.created > *before)) continue;
    if (!filters.labels(container_labels(container.spec, images.config(container.status.image_id).config))) continue;
    const auto bytes = written_bytes(api, container);
    const auto removed = engine.remove(container.metadata.uid, false, false, call_of(request, response));
    if (!removed && (removed.error().code == Code::cancelled || removed.error().code == Code::unavailable)) return removed;
    if (!removed) {  // somebody started it meanwhile
      log::info("not pruned", {{"workload", container.spec.name}, {"reason", removed.error().message}});
      continue;
    }
    report.containers_deleted.push_back(container.metadata.uid);
    report.space_reclaimed += bytes;
  }
  TRY(engine.objects().record(
      {engine.objects().event("workload", "prune", "", "", {{"reclaimed", fmt::format("{}", report.space_reclaimed)}})}));
  return response.send_json(200, schema::encode_text(report));
}

constexpr std::array kOperations{
    Operation{.method = "GET", .path = "/containers/json", .handle = list},
    Operation{.method = "POST", .path = "/containers/prune", .handle = prune},
};

}  // namespace

Result<std::vector<api::docker::ContainerSummary>> container_summaries(Api& api, const ApiVersion& version) {
  const auto networks = TRY(network_ids(api));
  ImageView images(api);
  auto listed = TRY(api.native.engine.objects().workloads());
  std::sort(listed.items.begin(), listed.items.end(), [](const auto& a, const auto& b) { return a.metadata.created > b.metadata.created; });
  const auto now = api.native.engine.objects().clock().now();
  std::vector<api::docker::ContainerSummary> summaries;
  for (const auto& container : listed.items) {
    auto& answer = summaries.emplace_back(summary(container, images, networks, now));
    if (version < kAnnotationsSince) answer.host_config.annotations.clear();
    add_sizes(api, container, images, answer);
  }
  return summaries;
}

std::span<const Operation> container_list_operations() { return kOperations; }

}  // namespace fulcrum::server::docker
