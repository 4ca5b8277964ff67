#include "server/docker/image_view.h"

#include <algorithm>
#include <array>

#include "image/digest.h"
#include "image/reference.h"
#include "server/docker/image_support.h"

namespace fulcrum::server::docker {

namespace {

constexpr std::string_view kZeroTime = "0001-01-01T00:00:00Z";

template <class T>
std::optional<T> unless_empty(const T& value) {
  return value.empty() ? std::nullopt : std::optional<T>(value);
}

std::vector<std::string> familiar_names(const std::vector<std::string>& stored) {
  std::vector<std::string> names;
  for (const auto& name : stored) names.push_back(familiar(name));
  return names;
}

/// Docker's image comment: the note of the last step.
std::string comment_of(const oci::ImageConfig& config) { return config.history.empty() ? "" : config.history.back().comment; }

}  // namespace

std::int64_t unix_seconds(const std::string& rfc3339) {
  const auto time = parse_time(rfc3339);
  return time ? std::chrono::floor<std::chrono::seconds>(*time).time_since_epoch().count() : 0;
}

api::docker::ImageConfig image_config(const oci::ImageRunConfig& config) {
  return {.user = config.user,
          .exposed_ports = config.exposed_ports,
          .env = unless_empty(config.env),
          .cmd = unless_empty(config.cmd),
          .healthcheck = config.healthcheck,
          .args_escaped = config.args_escaped,
          .volumes = unless_empty(config.volumes),
          .working_dir = config.working_dir,
          .entrypoint = unless_empty(config.entrypoint),
          .on_build = unless_empty(config.on_build),
          .labels = unless_empty(config.labels),
          .stop_signal = config.stop_signal,
          .shell = config.shell};
}

api::docker::ImageSummary image_summary(const image::ImageRecord& record, const oci::ImageConfig& config) {
  return {.created = unix_seconds(config.created),
          .id = record.id.str(),
          .labels = unless_empty(config.config.labels),
          .parent_id = record.parent.str(),
          .repo_digests = familiar_names(record.repo_digests),
          .repo_tags = familiar_names(record.tags),
          .size = static_cast<std::int64_t>(record.size)};
}

void adapt(api::docker::ImageSummary& summary, ApiVersion version) {
  if (version < ApiVersion{1, 43} && summary.repo_tags.empty() && summary.repo_digests.empty()) {
    summary.repo_tags = {"<none>:<none>"};
    summary.repo_digests = {"<none>@<none>"};
  }
  if (version < ApiVersion{1, 44}) summary.virtual_size = summary.size;
}

api::docker::ImageInspect image_inspect(const image::ImageRecord& record, const oci::ImageConfig& config,
                                        const std::vector<std::string>& layer_dirs, ApiVersion version) {
  api::docker::ImageInspect out{.id = record.id.str(),
                                .repo_tags = familiar_names(record.tags),
                                .repo_digests = familiar_names(record.repo_digests),
                                .parent = record.parent.str(),
                                .comment = comment_of(config),
                                .created = unless_empty(config.created),
                                .author = config.author,
                                .config = image_config(config.config),
                                .architecture = config.architecture,
                                .variant = config.variant,
                                .os = config.os,
                                .os_version = config.os_version,
                                .size = static_cast<std::int64_t>(record.size),
                                .graph_driver = {.name = "overlay2"}};
  out.root_fs.type = config.rootfs.type;
  for (const auto& layer : record.layers) out.root_fs.layers.push_back(layer.diff_id.str());
  for (std::size_t i = 1; i < layer_dirs.size(); ++i) out.graph_driver.data["LowerDir"] += (i == 1 ? "" : ":") + layer_dirs[i];
  if (!layer_dirs.empty()) out.graph_driver.data["UpperDir"] = layer_dirs.front();
  out.metadata.last_tag_time = record.tagged == Time{} ? std::string(kZeroTime) : format_time(record.tagged);
  if (version < ApiVersion{1, 44}) {
    out.virtual_size = out.size;
    if (!out.created) out.created = std::string(kZeroTime);
  }
  if (version < ApiVersion{1, 45}) {
    out.container = "";
    out.container_config.emplace();
  }
  return out;
}

std::vector<api::docker::ImageHistoryItem> image_history(const std::vector<image::HistoryEntry>& entries,
                                                         std::span<const image::ImageRecord> lineage) {
  std::vector<api::docker::ImageHistoryItem> items;
  for (const auto& entry : entries)
    items.push_back({.comment = entry.comment,
                     .created = unix_seconds(entry.created),
                     .created_by = entry.created_by,
                     .size = static_cast<std::int64_t>(entry.size)});
  for (std::size_t i = 0; i < std::min(items.size(), lineage.size()); ++i) {
    items[i].id = lineage[i].id.str();
    items[i].tags = unless_empty(familiar_names(lineage[i].tags));
  }
  return items;
}

bool reference_matches(const std::string& stored, const std::vector<image::build::Glob>& patterns) {
  const auto reference = image::Reference::parse(stored);
  if (!reference) return false;
  const std::array forms{reference->familiar(), reference->familiar_name(), reference->str(), reference->repository()};
  return std::any_of(patterns.begin(), patterns.end(), [&](const image::build::Glob& pattern) {
    return std::any_of(forms.begin(), forms.end(), [&](const std::string& form) { return pattern.matches(form); });
  });
}

std::vector<std::string> chain_ids(const image::ImageRecord& record) {
  std::vector<std::string> chains;
  for (const auto& layer : record.layers)
    chains.push_back(chains.empty() ? layer.diff_id.str() : image::digest_of(chains.back() + " " + layer.diff_id.str()).str());
  return chains;
}

}  // namespace fulcrum::server::docker
