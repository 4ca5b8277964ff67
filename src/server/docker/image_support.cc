#include "server/docker/image_support.h"

#include "server/docker/container_state.h"

namespace fulcrum::server::docker {

std::string familiar(const std::string& stored) {
  const auto reference = image::Reference::parse(stored);
  return reference ? reference->familiar() : stored;
}

Result<image::ImageRecord> find_image(Api& api, std::string_view reference) {
  auto found = api.native.images.inspect(reference);
  if (found || found.error().code != Code::not_found) return found;
  return fail(Code::not_found, "No such image: {}", familiar(std::string(reference.substr(0, 256))));
}

Result<std::optional<image::Reference>> repo_and_tag(std::string_view repo, std::string_view tag) {
  if (repo.empty()) return std::nullopt;
  auto reference = TRY(image::Reference::parse(repo));
  if (!reference.digest.empty()) return fail(Code::invalid_argument, "cannot import digest reference");
  if (!tag.empty()) {
    if (!image::is_tag(tag)) return fail(Code::invalid_argument, "invalid tag format");
    reference.tag = tag;
  }
  return reference;
}

Result<> tell_image(Api& api, std::string_view action, const image::ImageRecord& record, const std::string& name) {
  auto& objects = api.native.engine.objects();
  std::map<std::string, std::string> labels;
  if (auto config = oci::parse_image_config(record.config)) labels = std::move(config->config.labels);
  return objects.record({objects.event("image", std::string(action), record.id.str(), name, std::move(labels))});
}

Result<std::multimap<std::string, ImageUser>> image_users(Api& api) {
  std::multimap<std::string, ImageUser> users;
  for (const auto& workload : TRY(api.native.engine.objects().workloads()).items) {
    const ImageUser user{.container = workload.metadata.uid, .running = docker_running(workload.status)};
    if (!workload.status.image_id.empty()) users.emplace(workload.status.image_id, user);
    for (const auto& mount : workload.spec.volumes) {
      if (mount.type != "image") continue;
      if (const auto mounted = api.native.images.inspect(mount.source)) users.emplace(mounted->id.str(), user);
    }
  }
  return users;
}

}  // namespace fulcrum::server::docker
